import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { CliFailure } from "../failure.ts";

/** The part of `fetch` that is used; a test passes its own. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface DownloadLimits {
  /** Bytes. */
  most: number;
  /** The whole of it. */
  timeoutMs: number;
}

const mebibyte = 1024 * 1024;

/** The reason that fetch keeps one level below "fetch failed". */
const toReason = (error: unknown): string => {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(inner instanceof Error)) return "unknown failure";
  if (inner.name === "TimeoutError") return "it took too long";
  return "code" in inner && typeof inner.code === "string" ? inner.code : inner.message;
};

/** An address for a sentence: without a user, a password or a query, which may be a credential. */
export const toShownUrl = (url: string): string => {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
};

const unreachable = (url: string, why: string, cause?: unknown): CliFailure =>
  new CliFailure(`${toShownUrl(url)} can't be had: ${why}.`, {
    hint: "Try again later, take a mirror (--from URL), or a directory that holds the programs (--from DIRECTORY).",
    cause,
  });

/**
 * The bytes of an answer, as they come.
 * @throws CliFailure when there is none, it has another status than 200, or it goes beyond the limits.
 */
async function* receive(fetch: Fetch, url: string, limits: DownloadLimits): AsyncGenerator<Uint8Array> {
  let received = 0;
  const tooLong = () => unreachable(url, `it is longer than ${Math.floor(limits.most / mebibyte)} MiB`);
  try {
    const response = await fetch(url, { redirect: "follow", signal: AbortSignal.timeout(limits.timeoutMs) });
    if (response.status !== 200 || response.body === null) {
      await response.body?.cancel();
      throw unreachable(url, `the server answers ${response.status}`);
    }
    if (Number(response.headers.get("content-length") ?? 0) > limits.most) {
      await response.body.cancel();
      throw tooLong();
    }
    for await (const chunk of response.body) {
      received += chunk.length;
      if (received > limits.most) throw tooLong();
      yield chunk;
    }
  } catch (error) {
    throw error instanceof CliFailure ? error : unreachable(url, toReason(error), error);
  }
}

/** Writes what the address gives into a new file of mode 0600; gives its SHA-256 in hex. @throws CliFailure. */
export const downloadFile = async (
  fetch: Fetch,
  url: string,
  path: string,
  limits: DownloadLimits,
): Promise<string> => {
  const hash = createHash("sha256");
  const file = await open(path, "wx", 0o600);
  try {
    for await (const chunk of receive(fetch, url, limits)) {
      hash.update(chunk);
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  return hash.digest("hex");
};

/** @throws CliFailure; the text may be anything. */
export const downloadText = async (fetch: Fetch, url: string, limits: DownloadLimits): Promise<string> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of receive(fetch, url, limits)) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
};
