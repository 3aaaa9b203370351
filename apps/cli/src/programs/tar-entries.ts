/** A file's header in a tar archive. */
export interface TarEntry {
  path: string;
  /** Bytes. */
  size: number;
  /** Neither link, directory nor device. */
  isRegular: boolean;
}

/** Receives the archive's files as they come by. What `begin` gives takes the bytes; undefined: they are passed over. */
export interface TarSink {
  begin(entry: TarEntry): ((chunk: Uint8Array) => Promise<void>) | undefined;
  end(entry: TarEntry): Promise<void>;
}

export class TarError extends Error {}

const block = 512;
/** Names and extended headers; far more than any path needs. */
const mostExtension = 65_536;

const toText = (bytes: Uint8Array): string => {
  const end = bytes.indexOf(0);
  return Buffer.from(end === -1 ? bytes : bytes.subarray(0, end)).toString("utf8");
};

/** Octal, or base 256 where the first bit is set (GNU, for what octal can't hold). */
const toSize = (field: Uint8Array): number => {
  if (((field[0] ?? 0) & 0x80) !== 0) {
    const value = field.reduce((sum, byte, at) => sum * 256 + (at === 0 ? byte & 0x7f : byte), 0);
    if (!Number.isSafeInteger(value)) throw new TarError("a size is beyond all bounds");
    return value;
  }
  const text = toText(field).trim();
  if (!/^[0-7]{1,12}$/.test(text)) throw new TarError("a header has no size");
  return Number.parseInt(text, 8);
};

const isChecksumRight = (header: Uint8Array): boolean => {
  const said = Number.parseInt(toText(header.subarray(148, 156)).trim(), 8);
  // The checksum's own field counts as blanks.
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  return said === sum;
};

/** `<length> <key>=<value>\n` records of a pax header (POSIX.1-2001). */
const toPaxRecords = (bytes: Uint8Array): Map<string, string> => {
  const records = new Map<string, string>();
  let at = 0;
  while (at < bytes.length) {
    const blank = bytes.indexOf(0x20, at);
    const length = Number(Buffer.from(bytes.subarray(at, blank)).toString("latin1"));
    if (blank === -1 || !Number.isInteger(length) || length <= blank - at || at + length > bytes.length) {
      throw new TarError("an extended header is damaged");
    }
    const [key = "", ...value] = Buffer.from(bytes.subarray(blank + 1, at + length - 1))
      .toString("utf8")
      .split("=");
    records.set(key, value.join("="));
    at += length;
  }
  return records;
};

interface Header extends TarEntry {
  type: string;
}

const toHeader = (bytes: Uint8Array): Header => {
  if (!isChecksumRight(bytes)) throw new TarError("a header's checksum is wrong");
  const type = String.fromCharCode(bytes[156] ?? 0);
  const isUstar = toText(bytes.subarray(257, 263)) === "ustar";
  const prefix = isUstar ? toText(bytes.subarray(345, 500)) : "";
  const name = toText(bytes.subarray(0, 100));
  return {
    path: prefix === "" ? name : `${prefix}/${name}`,
    size: toSize(bytes.subarray(124, 136)),
    isRegular: type === "0" || type === "\0",
    type,
  };
};

/** What headers that come before a file's own say of it. */
interface Extension {
  path?: string;
  size?: number;
}

const toExtension = (type: string, bytes: Uint8Array): Extension => {
  if (type === "L") return { path: toText(bytes) };
  if (type !== "x") return {};
  const records = toPaxRecords(bytes);
  const [path, size] = [records.get("path"), records.get("size")];
  if (size !== undefined && !/^\d{1,15}$/.test(size)) throw new TarError("an extended header is damaged");
  return { ...(path === undefined ? {} : { path }), ...(size === undefined ? {} : { size: Number(size) }) };
};

/** Bytes of the archive in pieces of the asked size. */
const createReader = (source: AsyncIterable<Uint8Array>) => {
  const chunks = source[Symbol.asyncIterator]();
  let held: Uint8Array = new Uint8Array();
  /** At most `most` bytes, whatever is at hand; undefined at the end. */
  const some = async (most: number): Promise<Uint8Array | undefined> => {
    while (held.length === 0) {
      const next = await chunks.next();
      if (next.done === true) return undefined;
      held = next.value;
    }
    const piece = held.subarray(0, most);
    held = held.subarray(piece.length);
    return piece;
  };
  /** Hands over `size` bytes. @throws TarError when the archive ends before. */
  const pass = async (size: number, take: (chunk: Uint8Array) => Promise<void> | void): Promise<void> => {
    for (let left = size; left > 0; ) {
      const piece = await some(left);
      if (piece === undefined) throw new TarError("it ends in the middle of a file");
      left -= piece.length;
      await take(piece);
    }
  };
  const exactly = async (size: number): Promise<Uint8Array> => {
    const whole = new Uint8Array(size);
    let at = 0;
    await pass(size, (piece) => {
      whole.set(piece, at);
      at += piece.length;
    });
    return whole;
  };
  return { pass, exactly };
};

const padding = (size: number): number => (block - (size % block)) % block;
const ignore = (): void => undefined;

/**
 * Reads a tar archive (ustar, GNU long names, pax paths and sizes) once, from its start to its end mark, and holds no
 * more of it than a chunk. Writes nothing and follows no link: the sink says what it takes.
 * @throws TarError when it is no tar archive or a damaged one.
 */
export const readTar = async (source: AsyncIterable<Uint8Array>, sink: TarSink): Promise<void> => {
  const reader = createReader(source);
  let extension: Extension = {};
  for (;;) {
    const bytes = await reader.exactly(block);
    if (bytes.every((byte) => byte === 0)) return;
    const { type, ...header } = toHeader(bytes);
    if ("LKxg".includes(type)) {
      if (header.size > mostExtension) throw new TarError("an extended header is too long");
      const content = await reader.exactly(header.size);
      extension = { ...extension, ...toExtension(type, content) };
      await reader.pass(padding(header.size), ignore);
      continue;
    }
    const entry = { ...header, ...extension };
    extension = {};
    const take = sink.begin(entry);
    await reader.pass(entry.size, take ?? ignore);
    await reader.pass(padding(entry.size), ignore);
    if (take !== undefined) await sink.end(entry);
  }
};
