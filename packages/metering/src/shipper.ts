import type { EdgePort } from "@portolan/contract";
import type { Logger } from "@portolan/kit";
import { readSegment } from "./segment.ts";
import type { Spool } from "./spool.ts";
import type { SpoolFiles } from "./spool-files.ts";

export interface ShipperDeps {
  spool: Pick<Spool, "sealed">;
  files: Pick<SpoolFiles, "read" | "remove" | "rename">;
  port: Pick<EdgePort, "shipUsage">;
  log: Pick<Logger, "info" | "warn" | "error">;
}

export interface Shipper {
  /**
   * One pass over the sealed segments. A segment is deleted after the centre has its batch; a crash in between sends
   * it again, and the centre knows it by (source, epoch, seq). Never throws; answers how many are left.
   */
  ship(): Promise<{ shipped: number; left: number }>;
}

/** After so many failures in a row the centre is away, and the pass ends. */
const maxFailures = 3;

export const createShipper = ({ spool, files, port, log }: ShipperDeps): Shipper => {
  const shipOne = async (name: string): Promise<void> => {
    const { batch, rest, restBytes } = readSegment(files.read(name));
    if (rest !== "none") log.warn({ name, rest, restBytes }, "a spool segment ends in bytes that are no record");
    if (batch !== null) await port.shipUsage(batch);
    // A torn tail is a crash; a wrong checksum is a disk, and somebody will want to look at it.
    if (rest === "damaged") files.rename(name, `${name}.damaged`);
    else files.remove(name);
  };
  const run = async (): Promise<{ shipped: number; left: number }> => {
    const names = spool.sealed();
    let shipped = 0;
    let failures = 0;
    for (const name of names) {
      try {
        await shipOne(name);
        shipped += 1;
        failures = 0;
      } catch (err) {
        failures += 1;
        log.warn({ err, name }, "usage could not be shipped; it stays in the spool");
        if (failures >= maxFailures) break;
      }
    }
    return { shipped, left: names.length - shipped };
  };
  let running: Promise<{ shipped: number; left: number }> | null = null;
  return {
    ship: () => {
      running ??= run().finally(() => {
        running = null;
      });
      return running;
    },
  };
};
