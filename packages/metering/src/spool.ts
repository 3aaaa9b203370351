import type { Clock } from "@portolan/domain";
import { createFrameWriter, itemKind } from "./frame.ts";
import type { SegmentHeader } from "./segment.ts";
import type { SpoolFiles } from "./spool-files.ts";
import type { UsageDelta } from "./usage-series.ts";

export interface SpoolSettings {
  /** Who counts, e.g. `gateway:local`. */
  source: string;
  /** This life of the source; never used again. Letters, digits and `-`. */
  epoch: string;
  files: SpoolFiles;
  clock: Clock;
  /** A segment is sealed when the wall clock enters another window; 10 s unless told. Divides an hour. */
  windowMs?: number;
  /** Sealed earlier when it has this many series or bytes, so that a batch is bounded. */
  maxSeries?: number;
  maxSegmentBytes?: number;
}

export interface Spool {
  /**
   * Appends one turn and returns when the bytes are with the operating system (they survive the process, not a power
   * cut). Throws when they are not; then nothing of this turn will be counted, and its answers must not leave.
   */
  append(deltas: readonly UsageDelta[]): void;
  /** Throws when a segment can't be opened and written. */
  probe(): void;
  /** Seals the open segment if its window is over, or anyway. */
  seal(options?: { isForced?: boolean }): void;
  /** Names of the segments that nobody writes to any more, oldest first. */
  sealed(): string[];
}

const suffix = ".spool";

interface Open {
  name: string;
  handle: number;
  window: number;
  sizeBytes: number;
  ids: Map<string, number>;
}

/** One writer per directory (see `acquireLock`). Segments are `<epoch>-<seq>.spool`; one segment is one batch. */
export const createSpool = (settings: SpoolSettings): Spool => {
  const { source, epoch, files, clock, windowMs = 10_000, maxSeries = 2_000, maxSegmentBytes = 512 * 1024 } = settings;
  const frame = createFrameWriter();
  let open: Open | null = null;
  let nextSeq = 0;

  const close = (): void => {
    if (open === null) return;
    const { handle } = open;
    open = null;
    try {
      files.close(handle);
    } catch {
      // Nothing is written to it any more; the segment is what its whole frames say.
    }
  };
  const writeFrame = (segment: Open): void => {
    const bytes = frame.end();
    try {
      for (let offset = 0; offset < bytes.length; ) {
        const written = files.write(segment.handle, bytes, offset);
        if (written <= 0) throw new Error("the spool took no bytes");
        offset += written;
      }
    } catch (error) {
      // Its tail may be half a frame, after which a reader sees nothing: the segment ends here.
      close();
      throw error;
    }
    segment.sizeBytes += bytes.length;
  };
  const openSegment = (nowMs: number): Open => {
    const seq = nextSeq++;
    const name = `${epoch}-${String(seq).padStart(8, "0")}${suffix}`;
    const segment: Open = {
      name,
      handle: files.open(name),
      window: Math.floor(nowMs / windowMs),
      sizeBytes: 0,
      ids: new Map(),
    };
    open = segment;
    frame.begin(nowMs);
    frame.json(
      itemKind.header,
      0,
      JSON.stringify({
        version: 1,
        source,
        epoch,
        seq,
      } satisfies SegmentHeader),
    );
    writeFrame(segment);
    return segment;
  };
  const current = (nowMs: number): Open => {
    if (open !== null) {
      const isOver = Math.floor(nowMs / windowMs) !== open.window;
      if (!isOver && open.ids.size < maxSeries && open.sizeBytes < maxSegmentBytes) return open;
      close();
    }
    return openSegment(nowMs);
  };
  /** Writes as many deltas as the segment's bound allows and answers how many. */
  const appendSome = (deltas: readonly UsageDelta[], start: number): number => {
    const nowMs = clock.now().getTime();
    const segment = current(nowMs);
    frame.begin(nowMs);
    let index = start;
    for (; index < deltas.length; index++) {
      const delta = deltas[index];
      if (delta === undefined) break;
      let id = segment.ids.get(delta.json);
      if (id === undefined) {
        if (segment.ids.size >= maxSeries || (index > start && frame.sizeBytes > maxSegmentBytes)) break;
        id = segment.ids.size;
        segment.ids.set(delta.json, id);
        frame.json(itemKind.define, id, delta.json);
      }
      frame.use(id, delta.count, delta.quantity);
    }
    writeFrame(segment);
    return index;
  };

  return {
    append: (deltas) => {
      for (let index = 0; index < deltas.length; ) index = appendSome(deltas, index);
    },
    probe: () => {
      current(clock.now().getTime());
    },
    seal: ({ isForced = false } = {}) => {
      if (open === null) return;
      if (isForced || Math.floor(clock.now().getTime() / windowMs) !== open.window) close();
    },
    sealed: () =>
      files
        .list()
        .filter((name) => name.endsWith(suffix) && name !== open?.name)
        .sort(),
  };
};
