export { createNotifications, type EdgeHint, type Notifications, type WorkHint } from "./notifications.ts";
export { createPartKeyAnswers, type PartKeyAnswers, type WaitingPartKeyRequest } from "./part-key-requests.ts";
export { createPostgresEdgePort, type PostgresEdgePortDeps } from "./postgres-edge-port.ts";
