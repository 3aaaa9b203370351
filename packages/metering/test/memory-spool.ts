import type { UsageBatch } from "@portolan/contract";
import type { SpoolFiles } from "../src/spool-files.ts";

export class Crash extends Error {}

/** A disk that outlives its process: after `crash()` every operation throws, as for a killed process. */
export const createMemoryDisk = () => {
  const contents = new Map<string, Buffer>();
  const handles = new Map<number, string>();
  let nextHandle = 1;
  let budget = Infinity;
  let tear = 0;
  let isFull = false;
  const spend = (): void => {
    budget -= 1;
    if (budget < 0) throw new Crash();
  };
  const files: SpoolFiles = {
    list: () => {
      spend();
      return [...contents.keys()];
    },
    open: (name) => {
      spend();
      if (contents.has(name)) throw new Error(`${name} exists`);
      contents.set(name, Buffer.alloc(0));
      handles.set(nextHandle, name);
      return nextHandle++;
    },
    write: (handle, bytes, offset) => {
      const name = handles.get(handle) ?? "";
      const append = (end: number): void => {
        contents.set(name, Buffer.concat([contents.get(name) ?? Buffer.alloc(0), bytes.subarray(offset, end)]));
      };
      if (isFull) {
        append(offset + 3);
        throw new Error("ENOSPC: no space left on device");
      }
      if (budget < 1 && budget >= 0) append(offset + Math.floor((bytes.length - offset) * tear));
      spend();
      append(bytes.length);
      return bytes.length - offset;
    },
    close: () => spend(),
    read: (name) => {
      spend();
      const file = contents.get(name);
      if (file === undefined) throw new Error(`${name} is not there`);
      return file;
    },
    sizeBytes: (name) => contents.get(name)?.length ?? 0,
    remove: (name) => {
      spend();
      contents.delete(name);
    },
    rename: (name, to) => {
      spend();
      const file = contents.get(name);
      contents.delete(name);
      if (file !== undefined) contents.set(to, file);
    },
  };
  return {
    files,
    contents,
    /** The operation after `operations` more throws `Crash`; a write then keeps `part` of its bytes. */
    crashAfter: (operations: number, part = 0) => {
      budget = operations;
      tear = part;
    },
    setFull: (value: boolean) => {
      isFull = value;
    },
    spend,
  };
};

/** The centre: de-duplicates by (source, epoch, seq) and notices when a repeated batch differs. */
export const createCentre = () => {
  const batches = new Map<string, UsageBatch>();
  const take = (batch: UsageBatch): { isDuplicate: boolean } => {
    const key = `${batch.source}/${batch.epoch}/${batch.seq}`;
    const known = batches.get(key);
    if (known === undefined) batches.set(key, batch);
    else if (JSON.stringify(known) !== JSON.stringify(batch)) throw new Error(`batch ${key} came back different`);
    return { isDuplicate: known !== undefined };
  };
  return {
    batches,
    take,
    records: () => [...batches.values()].flatMap(({ records }) => records),
    calls: () =>
      [...batches.values()].flatMap(({ records }) => records).reduce((sum, { count }) => sum + Number(count), 0),
    units: () =>
      [...batches.values()].flatMap(({ records }) => records).reduce((sum, { quantity }) => sum + Number(quantity), 0),
  };
};
