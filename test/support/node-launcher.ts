import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * A program for the PATH of an image that runs `/app/src/main.ts` with the image's own Node. `directory`: where it is laid
 * meanwhile. Returns its path.
 */
export const nodeLauncher = (directory: string, name: string): string => {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, '#!/usr/local/bin/node\nimport("/app/src/main.ts");\n');
  chmodSync(path, 0o755);
  return path;
};
