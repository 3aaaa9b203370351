import type { EdgePort } from "@portolan/contract";
import type { Clock } from "@portolan/domain";
import type { Logger } from "@portolan/kit";
import { acquireLock } from "./lock.ts";
import { createMeter, type Meter } from "./meter.ts";
import { createShipper } from "./shipper.ts";
import { createSpool } from "./spool.ts";
import { createSpoolFiles } from "./spool-files.ts";

export interface MeteringSettings {
  /** The spool's directory; made when missing. One process at a time. */
  dir: string;
  source: string;
  epoch: string;
  clock: Clock;
  port: Pick<EdgePort, "shipUsage">;
  log: Pick<Logger, "info" | "warn" | "error">;
  windowMs?: number;
  /** Unshipped bytes after which calls are refused; 1 GiB unless told. */
  maxSpoolBytes?: number;
  tickMs?: number;
}

export interface Metering {
  readonly meter: Meter;
  /** Seals what is open and sends everything; for drains and tests. */
  shipAll(): Promise<{ shipped: number; left: number }>;
  /** Records what is pending, seals, ships for at most `timeoutMs`, lets the directory go. The rest stays on disk. */
  close(options?: { timeoutMs?: number }): Promise<void>;
}

const backOffMs = { first: 500, last: 30_000 };

/**
 * Opens the spool, ships what earlier lives left in it, and keeps sealing and shipping. Throws when another living
 * process has the directory, or when it can't be written.
 */
export const openMetering = (settings: MeteringSettings): Metering => {
  const { dir, source, epoch, clock, port, log, windowMs, maxSpoolBytes = 1024 ** 3, tickMs = 1_000 } = settings;
  const files = createSpoolFiles(dir);
  const unlock = acquireLock(dir);
  if (unlock === null) throw new Error(`Another running gateway uses the usage spool ${dir}. Stop it first.`);
  const spool = createSpool({
    source,
    epoch,
    files,
    clock,
    ...(windowMs === undefined ? {} : { windowMs }),
  });
  const meter = createMeter({ spool, log });
  const shipper = createShipper({ spool, files, port, log });
  let waitMs = 0;
  let notBefore = 0;

  const pass = async (): Promise<void> => {
    const { left } = await shipper.ship();
    waitMs = left === 0 ? 0 : Math.min(Math.max(waitMs * 2, backOffMs.first), backOffMs.last);
    notBefore = performance.now() + waitMs;
  };
  const tick = (): void => {
    meter.probe();
    spool.seal();
    const names = spool.sealed();
    meter.setBlocked(names.reduce((sum, name) => sum + files.sizeBytes(name), 0) > maxSpoolBytes);
    if (names.length > 0 && performance.now() >= notBefore) void pass();
  };
  const safeTick = (): void => {
    try {
      tick();
    } catch (err) {
      log.error({ err }, "the usage spool could not be looked after");
    }
  };
  const timer = setInterval(safeTick, tickMs);
  timer.unref();
  queueMicrotask(safeTick);

  const shipAll = () => {
    meter.flush();
    spool.seal({ isForced: true });
    return shipper.ship();
  };
  return {
    meter,
    shipAll,
    close: async ({ timeoutMs = 3_000 } = {}) => {
      clearInterval(timer);
      let late: NodeJS.Timeout | undefined;
      const bound = new Promise<void>((resolve) => {
        late = setTimeout(resolve, timeoutMs);
      });
      await Promise.race([shipAll(), bound]);
      clearTimeout(late);
      unlock();
    },
  };
};
