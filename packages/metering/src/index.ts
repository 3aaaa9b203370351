export * from "./lock.ts";
export * from "./meter.ts";
export * from "./metering.ts";
export * from "./segment.ts";
export * from "./shipper.ts";
export * from "./spool.ts";
export * from "./spool-files.ts";
export type { UsageDelta, UsageSeries } from "./usage-series.ts";
