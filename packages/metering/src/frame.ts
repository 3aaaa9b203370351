import { crc32 } from "node:zlib";

/**
 * A spool file is a row of frames: length (u32), CRC-32 of the payload (u32), payload; all little-endian. A payload is
 * the time in milliseconds (f64) and items: `1` defines series u16 by its JSON (u16 length), `2` counts u32 calls and
 * an f64 quantity for series u16, `0` opens the file with a JSON header (u16 length).
 */
export const frameHeaderBytes = 8;
export const itemKind = { header: 0, define: 1, use: 2 } as const;
/** A frame longer than this is not ours: a damaged length must not make the reader trust it. */
export const maxFrameBytes = 4 * 1024 * 1024;

/** Collects one frame in a buffer that is kept and grown. */
export interface FrameWriter {
  begin(timeMs: number): void;
  json(kind: 0 | 1, id: number, text: string): void;
  use(id: number, count: number, quantity: number): void;
  readonly sizeBytes: number;
  /** The whole frame; valid until the next `begin`. */
  end(): Buffer;
}

export const createFrameWriter = (): FrameWriter => {
  let buffer = Buffer.allocUnsafe(64 * 1024);
  let at = 0;
  const room = (bytes: number): void => {
    if (at + bytes <= buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, at + bytes));
    buffer.copy(larger, 0, 0, at);
    buffer = larger;
  };
  return {
    begin: (timeMs) => {
      at = buffer.writeDoubleLE(timeMs, frameHeaderBytes);
    },
    json: (kind, id, text) => {
      const sizeBytes = Buffer.byteLength(text);
      if (sizeBytes > 0xffff) throw new RangeError("a usage series is longer than 64 KiB");
      room(5 + sizeBytes);
      at = buffer.writeUInt8(kind, at);
      if (kind === itemKind.define) at = buffer.writeUInt16LE(id, at);
      at = buffer.writeUInt16LE(sizeBytes, at);
      at += buffer.write(text, at);
    },
    use: (id, count, quantity) => {
      room(15);
      at = buffer.writeUInt8(itemKind.use, at);
      at = buffer.writeUInt16LE(id, at);
      at = buffer.writeUInt32LE(count, at);
      at = buffer.writeDoubleLE(quantity, at);
    },
    get sizeBytes() {
      return at;
    },
    end: () => {
      buffer.writeUInt32LE(at - frameHeaderBytes, 0);
      buffer.writeUInt32LE(crc32(buffer.subarray(frameHeaderBytes, at)), 4);
      return buffer.subarray(0, at);
    },
  };
};

/** Whole frames' payloads in order, and whether what follows them is a torn tail or damage. */
export const readFrames = (
  file: Buffer,
): {
  payloads: Buffer[];
  rest: "none" | "torn" | "damaged";
  restBytes: number;
} => {
  const payloads: Buffer[] = [];
  let at = 0;
  while (at + frameHeaderBytes <= file.length) {
    const end = at + frameHeaderBytes + file.readUInt32LE(at);
    if (end - at > maxFrameBytes + frameHeaderBytes) return { payloads, rest: "damaged", restBytes: file.length - at };
    if (end > file.length) break;
    const payload = file.subarray(at + frameHeaderBytes, end);
    if (crc32(payload) !== file.readUInt32LE(at + 4)) {
      return { payloads, rest: "damaged", restBytes: file.length - at };
    }
    payloads.push(payload);
    at = end;
  }
  return {
    payloads,
    rest: at === file.length ? "none" : "torn",
    restBytes: file.length - at,
  };
};
