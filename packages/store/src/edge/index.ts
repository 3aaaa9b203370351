export { createNotifications, type EdgeHint, type Notifications, type WorkHint } from "./notifications.ts";
export { createPostgresEdgePort, type PostgresEdgePortDeps } from "./postgres-edge-port.ts";
