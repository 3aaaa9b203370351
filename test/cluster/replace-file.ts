import { renameSync, writeFileSync } from "node:fs";

/** Written beside and moved there: a reader sees the whole text or none. */
export const replace = (path: string, text: string): void => {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
};
