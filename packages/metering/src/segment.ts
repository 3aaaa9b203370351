import type { UsageBatch, UsageRecord } from "@portolan/contract";
import { itemKind, readFrames } from "./frame.ts";
import type { UsageSeries } from "./usage-series.ts";

export interface SegmentHeader {
  version: 1;
  source: string;
  epoch: string;
  seq: number;
}

export interface SegmentContent {
  /** `null`: no call was recorded in it, so no answer left on its account. */
  batch: UsageBatch | null;
  rest: "none" | "torn" | "damaged";
  restBytes: number;
}

interface Total {
  series: UsageSeries;
  quantity: bigint;
  count: bigint;
}

interface Reading {
  header: SegmentHeader | null;
  totals: Map<number, Total>;
  fromMs: number;
  toMs: number;
}

const readPayload = (payload: Buffer, reading: Reading): void => {
  const timeMs = payload.readDoubleLE(0);
  reading.fromMs = Math.min(reading.fromMs, timeMs);
  reading.toMs = Math.max(reading.toMs, timeMs);
  let at = 8;
  while (at < payload.length) {
    const kind = payload.readUInt8(at);
    if (kind === itemKind.header) {
      const end = at + 3 + payload.readUInt16LE(at + 1);
      reading.header = JSON.parse(payload.toString("utf8", at + 3, end)) as SegmentHeader;
      at = end;
    } else if (kind === itemKind.define) {
      const end = at + 5 + payload.readUInt16LE(at + 3);
      const series = JSON.parse(payload.toString("utf8", at + 5, end)) as UsageSeries;
      reading.totals.set(payload.readUInt16LE(at + 1), {
        series,
        quantity: 0n,
        count: 0n,
      });
      at = end;
    } else if (kind === itemKind.use) {
      const total = reading.totals.get(payload.readUInt16LE(at + 1));
      if (total === undefined) throw new Error("a spool frame counts a series that it never defined");
      total.count += BigInt(payload.readUInt32LE(at + 3));
      total.quantity += BigInt(payload.readDoubleLE(at + 7));
      at += 15;
    } else {
      throw new Error(`a spool frame has an item of unknown kind ${kind}`);
    }
  }
};

const toRecord = ({ series, quantity, count }: Total, from: string, to: string): UsageRecord => ({
  ...series,
  quantity: quantity.toString(),
  count: count.toString(),
  from,
  to,
});

/**
 * A segment file as its one batch. A pure function of the bytes: whoever reads them, whenever, makes the same
 * (source, epoch, seq) and the same records, so a batch that is sent twice is one batch. A torn last frame is the
 * turn that a crash cut off: its answers never left.
 */
export const readSegment = (file: Buffer): SegmentContent => {
  const { payloads, rest, restBytes } = readFrames(file);
  const reading: Reading = {
    header: null,
    totals: new Map(),
    fromMs: Infinity,
    toMs: -Infinity,
  };
  for (const payload of payloads) readPayload(payload, reading);
  const used = [...reading.totals.values()].filter(({ count, quantity }) => count > 0n || quantity > 0n);
  if (reading.header === null || used.length === 0) return { batch: null, rest, restBytes };
  const from = new Date(reading.fromMs).toISOString();
  const to = new Date(reading.toMs).toISOString();
  const { source, epoch, seq } = reading.header;
  return {
    batch: {
      source,
      epoch,
      seq,
      records: used.map((total) => toRecord(total, from, to)),
    },
    rest,
    restBytes,
  };
};
