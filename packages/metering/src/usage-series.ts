import type { UsageRecord } from "@portolan/contract";

/** What usage is counted by: everything of a `UsageRecord` but the numbers and the time. */
export type UsageSeries = Omit<UsageRecord, "quantity" | "count" | "from" | "to">;

/** A turn's increment of one series. Quantities are whole base units below 2^53. */
export interface UsageDelta {
  /** The series as JSON: its identity inside a segment. Equal series give equal text when built the same way. */
  readonly json: string;
  quantity: number;
  count: number;
}
