import { open, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LogLine } from "@portolan/domain";
import { hasErrorCode, redact } from "@portolan/kit";
import { type LogIndex, olderPath, readIndex } from "./log-file.ts";

const maxReadBytes = 4 << 20;
const maxLineLength = 16_384;
const defaultLimit = 1000;
const maxLimit = 10_000;
const followMs = 100;

interface Piece {
  text: string;
  /** Where in the file the text begins. */
  start: number;
  end: number;
  modified: number;
}

/** The bytes of a file from `from` on, at most the last 4 MiB of them. */
const readPiece = async (path: string, from: number): Promise<Piece | undefined> => {
  const file = await open(path, "r").catch((error: unknown) => {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  });
  if (!file) return undefined;
  try {
    const { size, mtimeMs } = await file.stat();
    const start = Math.max(from, size - maxReadBytes);
    if (start >= size) return { text: "", start, end: size, modified: mtimeMs };
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(size - start), position: start });
    return { text: buffer.toString("utf8", 0, bytesRead), start, end: start + bytesRead, modified: mtimeMs };
  } finally {
    await file.close();
  }
};

const toLines = (piece: Piece, index: LogIndex, process: string): LogLine[] => {
  const lines: LogLine[] = [];
  let offset = piece.start + index.skipped;
  let mark = 0;
  for (const raw of piece.text.split("\n")) {
    offset += Buffer.byteLength(raw) + 1;
    if (raw === "") continue;
    // The first mark at which the file was long enough to hold this line.
    while (mark < index.marks.length && (index.marks[mark]?.size ?? 0) < offset - 1) mark += 1;
    const at = new Date(index.marks[mark]?.at ?? piece.modified).toISOString();
    lines.push({ at, process, line: redact(raw.replace(/\r$/, "").slice(0, maxLineLength)) });
  }
  return lines;
};

interface Cursor {
  path: string;
  process: string;
  position: number;
}

/** Whole lines that came since the cursor; a half line waits for its end. */
const readOn = async (cursor: Cursor): Promise<LogLine[]> => {
  const lines: LogLine[] = [];
  let piece = await readPiece(cursor.path, cursor.position);
  if (!piece) return lines;
  if (piece.end < cursor.position) {
    // Rotated meanwhile: the rest of what was being read is in the older part.
    const index = readIndex(olderPath(cursor.path));
    const rest = await readPiece(olderPath(cursor.path), Math.max(0, cursor.position - index.skipped));
    if (rest) lines.push(...toLines(rest, index, cursor.process));
    cursor.position = 0;
    piece = (await readPiece(cursor.path, 0)) ?? piece;
  }
  const whole = piece.text.lastIndexOf("\n") + 1;
  const text = piece.text.slice(0, whole);
  lines.push(...toLines({ ...piece, text }, readIndex(cursor.path), cursor.process));
  cursor.position = piece.start + Buffer.byteLength(text);
  return lines;
};

const byTime = (a: LogLine, b: LogLine): number => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0);

const listLogs = async (directory: string): Promise<string[]> => {
  const names = await readdir(directory).catch((error: unknown) => {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  });
  return names.filter((name) => name.endsWith(".log") && !name.endsWith(".1.log")).map((name) => join(directory, name));
};

const startCursor = async (path: string): Promise<{ cursor: Cursor; lines: LogLine[] }> => {
  const process = basename(path, ".log");
  const older = await readPiece(olderPath(path), 0);
  const before = older ? toLines(older, readIndex(olderPath(path)), process) : [];
  const cursor = { path, process, position: 0 };
  return { cursor, lines: [...before, ...(await readOn(cursor))] };
};

/**
 * Lines of all programs of a node, oldest first. Times are those at which the line was first seen in the file, to
 * about a second while a worker watches. Known secret forms are masked.
 */
export async function* readLogs(
  directory: string,
  options: { since?: Date; limit?: number; follow?: boolean; signal?: AbortSignal },
): AsyncGenerator<LogLine> {
  const limit = Math.min(options.limit ?? defaultLimit, maxLimit);
  const since = options.since?.toISOString() ?? "";
  const started = await Promise.all((await listLogs(directory)).map(startCursor));
  const cursors = started.map(({ cursor }) => cursor);
  const past = started.flatMap(({ lines }) => lines).sort(byTime);
  const shown = past.filter((line) => line.at >= since);
  yield* limit > 0 ? shown.slice(-limit) : [];
  while (options.follow && !options.signal?.aborted) {
    try {
      await sleep(followMs, undefined, options.signal ? { signal: options.signal } : {});
    } catch {
      return;
    }
    for (const path of await listLogs(directory)) {
      if (!cursors.some((cursor) => cursor.path === path))
        cursors.push({ path, process: basename(path, ".log"), position: 0 });
    }
    const fresh = (await Promise.all(cursors.map(readOn))).flat();
    yield* fresh.sort(byTime);
  }
}
