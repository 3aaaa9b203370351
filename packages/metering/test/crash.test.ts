import { silentLogger } from "@portolan/kit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMeter } from "../src/meter.ts";
import { createShipper } from "../src/shipper.ts";
import { createSpool } from "../src/spool.ts";
import type { UsageSeries } from "../src/usage-series.ts";
import { Crash, createCentre, createMemoryDisk } from "./memory-spool.ts";

const seriesOf = (index: number): UsageSeries => ({
  tenantId: "ten_1",
  appId: "app_1",
  subject: { type: "chain", id: `chn_${index}` },
  regionId: "rgn_1",
  sku: "rpc.compute",
  dims: { class: "read" },
  keyId: "key_1",
  method: `eth_${index}`,
});

interface Turn {
  calls: number[];
  afterMs: number;
  isShipping: boolean;
}

/** One life of a gateway; ends at the first crash. Answers what the node and the clients saw. */
const live = async (
  disk: ReturnType<typeof createMemoryDisk>,
  centre: ReturnType<typeof createCentre>,
  epoch: string,
  clock: { ms: number },
  turns: Turn[],
) => {
  let node = 0;
  let answered = 0;
  let lastTurn = 0;
  let end: (() => void) | null = null;
  const defer = (flush: () => void): void => {
    end = flush;
  };
  let hasCrashed = false;
  const crashes = <T>(run: () => T): T => {
    try {
      return run();
    } catch (error) {
      if (error instanceof Crash) hasCrashed = true;
      throw error;
    }
  };
  const files = Object.fromEntries(
    Object.entries(disk.files).map(([name, call]) => [
      name,
      (...args: never[]) => crashes(() => (call as (...all: never[]) => unknown)(...args)),
    ]),
  ) as unknown as typeof disk.files;
  const spool = createSpool({
    source: "gateway:test",
    epoch,
    files,
    clock: { now: () => new Date(clock.ms) },
    maxSeries: 3,
    windowMs: 1_000,
  });
  const meter = createMeter({ spool, log: silentLogger, defer });
  const port = {
    shipUsage: async (batch: Parameters<typeof centre.take>[0]) => {
      crashes(disk.spend);
      const answer = centre.take(batch);
      crashes(disk.spend);
      return answer;
    },
  };
  const shipper = createShipper({ spool, files, port, log: silentLogger });
  for (const turn of turns) {
    clock.ms += turn.afterMs;
    lastTurn = 0;
    for (const index of turn.calls) {
      node += 1;
      lastTurn += 1;
      meter.add(meter.series(seriesOf(index)), 10 + index, 1);
      meter.afterTurn({
        settle: (isRecorded) => {
          if (isRecorded && !hasCrashed) answered += 1;
        },
      });
    }
    (end as (() => void) | null)?.();
    end = null;
    if (hasCrashed) break;
    if (turn.isShipping) {
      try {
        spool.seal({ isForced: turn.calls.length % 2 === 0 });
        await shipper.ship();
      } catch {
        // A crash.
      }
    }
    if (hasCrashed) break;
    lastTurn = 0;
  }
  return { node, answered, inFlight: lastTurn };
};

const recover = async (
  disk: ReturnType<typeof createMemoryDisk>,
  centre: ReturnType<typeof createCentre>,
  clock: { ms: number },
) => {
  disk.crashAfter(Infinity);
  const spool = createSpool({
    source: "gateway:test",
    epoch: "zz-last",
    files: disk.files,
    clock: { now: () => new Date(clock.ms) },
  });
  const shipper = createShipper({
    spool,
    files: disk.files,
    port: { shipUsage: async (batch) => centre.take(batch) },
    log: silentLogger,
  });
  return await shipper.ship();
};

const turn = fc.record({
  calls: fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 5 }),
  afterMs: fc.integer({ min: -500, max: 1_500 }),
  isShipping: fc.boolean(),
});

describe("a gateway that is killed", () => {
  it("loses no answered call and doubles none, at every operation of a fixed run", async () => {
    const turns: Turn[] = Array.from({ length: 12 }, (_, index) => ({
      calls: [index % 5, (index + 1) % 7, index % 5],
      afterMs: index % 3 === 0 ? 700 : 10,
      isShipping: index % 4 === 3,
    }));
    for (let point = 0; point < 150; point++) {
      for (const part of [0, 0.5, 0.99]) {
        const disk = createMemoryDisk();
        const centre = createCentre();
        const clock = { ms: 1_000_000 };
        disk.crashAfter(point, part);
        const { node, answered, inFlight } = await live(disk, centre, "a-1", clock, turns);
        expect((await recover(disk, centre, clock)).left).toBe(0);
        expect(centre.calls()).toBeGreaterThanOrEqual(answered);
        expect(node - centre.calls()).toBeGreaterThanOrEqual(0);
        expect(node - centre.calls()).toBeLessThanOrEqual(inFlight);
      }
    }
  });

  it("holds over random runs of several lives", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            turns: fc.array(turn, { maxLength: 20 }),
            kill: fc.integer({ min: 0, max: 120 }),
            part: fc.double({ min: 0, max: 0.999, noNaN: true }),
          }),
          { minLength: 1, maxLength: 4 },
        ),
        async (lives) => {
          const disk = createMemoryDisk();
          const centre = createCentre();
          const clock = { ms: 5_000_000 };
          let node = 0;
          let answered = 0;
          let inFlight = 0;
          for (const [index, { turns, kill, part }] of lives.entries()) {
            disk.crashAfter(kill, part);
            const seen = await live(disk, centre, `life-${index}`, clock, turns);
            node += seen.node;
            answered += seen.answered;
            inFlight += seen.inFlight;
          }
          await recover(disk, centre, clock);
          expect(centre.calls()).toBeGreaterThanOrEqual(answered);
          expect(node - centre.calls()).toBeGreaterThanOrEqual(0);
          expect(node - centre.calls()).toBeLessThanOrEqual(inFlight);
          expect([...disk.contents.keys()]).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("sends the same batch again, record by record, when it dies between the centre's answer and the delete", async () => {
    const disk = createMemoryDisk();
    const centre = createCentre();
    const clock = { now: () => new Date(1_000) };
    const spool = createSpool({
      source: "g",
      epoch: "e",
      files: disk.files,
      clock,
    });
    const meter = createMeter({
      spool,
      log: silentLogger,
      defer: () => undefined,
    });
    meter.add(meter.series(seriesOf(1)), 30, 3);
    meter.flush();
    spool.seal({ isForced: true });
    const name = spool.sealed()[0] ?? "";
    const before = disk.contents.get(name) ?? Buffer.alloc(0);
    const shipper = createShipper({
      spool,
      files: disk.files,
      port: { shipUsage: async (batch) => centre.take(batch) },
      log: silentLogger,
    });
    await shipper.ship();
    disk.contents.set(name, before);
    await shipper.ship();
    expect(centre.batches.size).toBe(1);
    expect(centre.records()).toEqual([
      {
        ...seriesOf(1),
        quantity: "30",
        count: "3",
        from: "1970-01-01T00:00:01.000Z",
        to: "1970-01-01T00:00:01.000Z",
      },
    ]);
  });
});

describe("a spool that can't be written", () => {
  it("refuses the turn's answers and new calls, and accepts again when there is room", async () => {
    const disk = createMemoryDisk();
    const centre = createCentre();
    const spool = createSpool({
      source: "g",
      epoch: "e",
      files: disk.files,
      clock: { now: () => new Date(1_000) },
    });
    const meter = createMeter({
      spool,
      log: silentLogger,
      defer: () => undefined,
    });
    const outcomes: boolean[] = [];
    const call = (): void => {
      meter.add(meter.series(seriesOf(1)), 10, 1);
      meter.afterTurn({ settle: (isRecorded) => outcomes.push(isRecorded) });
      meter.flush();
    };
    call();
    disk.setFull(true);
    call();
    expect(meter.isAccepting).toBe(false);
    meter.probe();
    expect(meter.isAccepting).toBe(false);
    disk.setFull(false);
    meter.probe();
    expect(meter.isAccepting).toBe(true);
    call();
    expect(outcomes).toEqual([true, false, true]);
    spool.seal({ isForced: true });
    await createShipper({
      spool,
      files: disk.files,
      port: { shipUsage: async (batch) => centre.take(batch) },
      log: silentLogger,
    }).ship();
    expect(centre.calls()).toBe(2);
    expect(centre.units()).toBe(20);
  });
});
