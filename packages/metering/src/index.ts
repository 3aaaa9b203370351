export type { Meter, MeterSeries, Settleable } from "./meter.ts";
export { type Metering, type MeteringSettings, openMetering } from "./metering.ts";
