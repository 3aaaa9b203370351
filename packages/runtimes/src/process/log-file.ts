import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";

/** A program writes straight into its file, so lines carry no time. The index says how long the file was when. */
export const indexPath = (path: string): string => `${path}.index`;
/** The one older part that is kept. */
export const olderPath = (path: string): string => path.replace(/\.log$/, ".1.log");

export interface LogIndex {
  /** Bytes of the original file that were left out of this one when it was rotated. */
  skipped: number;
  marks: { size: number; at: number }[];
}

export const readIndex = (path: string): LogIndex => {
  let text: string;
  try {
    text = readFileSync(indexPath(path), "utf8");
  } catch {
    return { skipped: 0, marks: [] };
  }
  const [first = "", ...rows] = text.split("\n");
  const marks = rows.flatMap((row) => {
    const [size, at] = row.split(" ").map(Number);
    return size !== undefined && at !== undefined && Number.isFinite(at) ? [{ size, at }] : [];
  });
  return { skipped: Number(first.split(" ")[1] ?? 0) || 0, marks };
};

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

const lastMark = new Map<string, number>();

/** Remembers the file's size at this time, if it has changed. Lines up to it were written by then. */
export const markLog = (path: string, now: Date): void => {
  const size = sizeOf(path);
  if (size === 0 || lastMark.get(path) === size) return;
  if (!existsSync(indexPath(path))) writeFileSync(indexPath(path), "skipped 0\n", { mode: 0o600 });
  appendFileSync(indexPath(path), `${size} ${now.getTime()}\n`);
  lastMark.set(path, size);
};

const copyTail = (from: string, to: string, bytes: number): number => {
  const size = sizeOf(from);
  if (size <= bytes) {
    copyFileSync(from, to);
    return 0;
  }
  const buffer = Buffer.alloc(bytes);
  const fd = openSync(from, "r");
  try {
    readSync(fd, buffer, 0, bytes, size - bytes);
  } finally {
    closeSync(fd);
  }
  writeFileSync(to, buffer, { mode: 0o600 });
  return size - bytes;
};

/**
 * Keeps a log bounded: at `maxBytes` its content moves to the older part and the file is emptied in place, because
 * the program keeps its descriptor (opened for appending). What is written between copy and truncation is lost.
 */
export const boundLog = (path: string, maxBytes: number, now: Date): void => {
  if (sizeOf(path) <= maxBytes) return;
  markLog(path, now);
  const older = olderPath(path);
  const skipped = copyTail(path, older, maxBytes * 2);
  truncateSync(path, 0);
  if (existsSync(indexPath(path))) {
    const rows = readFileSync(indexPath(path), "utf8").split("\n").slice(1).join("\n");
    writeFileSync(indexPath(path), `skipped ${skipped}\n${rows}`, { mode: 0o600 });
    renameSync(indexPath(path), indexPath(older));
  }
  lastMark.delete(path);
};

/** The log file, bounded, open for appending. The caller closes it. */
export const openLog = (path: string, maxBytes: number, now: Date): number => {
  boundLog(path, maxBytes, now);
  markLog(path, now);
  return openSync(path, "a", 0o600);
};

/** The last lines of a log, at most `count` of the last 8 KiB, secrets masked. */
export const lastLines = (path: string, count: number, secrets: readonly string[]): string => {
  const size = sizeOf(path);
  const length = Math.min(size, 8192);
  if (length === 0) return "";
  const buffer = Buffer.alloc(length);
  const fd = openSync(path, "r");
  try {
    readSync(fd, buffer, 0, length, size - length);
  } finally {
    closeSync(fd);
  }
  let text = buffer.toString("utf8");
  for (const secret of secrets) text = text.replaceAll(secret, "[redacted]");
  return text.trimEnd().split("\n").slice(-count).join("\n").slice(-1000);
};
