export { buildGateway, type Gateway, type GatewayDeps, type GatewaySettings } from "./gateway.ts";
export type { FrameworkTable } from "./pipeline/admission.ts";
