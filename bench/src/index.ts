export { benchGateway, type GatewayBench, type GatewayBenchSettings } from "./gateway/bench-gateway.ts";
