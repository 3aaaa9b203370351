import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const safeSegment = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

/**
 * A file that a framework ships, out of `src/<framework>/assets/`. Reads the disk, so only composition roots call it.
 * Throws on a path that is not made of plain names, and when there is no such file.
 */
export const loadAsset = (framework: string, path: string): Uint8Array => {
  const segments = [framework, ...path.split("/")];
  if (!segments.every((segment) => safeSegment.test(segment))) throw new Error("not a path of an asset");
  return readFileSync(fileURLToPath(new URL(`./${framework}/assets/${path}`, import.meta.url)));
};
