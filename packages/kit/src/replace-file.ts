import { open, rename, rm } from "node:fs/promises";

let counter = 0;

/**
 * Writes a file by a draft beside it and a rename: a reader, or whoever comes after a crash, finds the former text or
 * this one, never half of one. The draft is made exclusively, so that no planted link is followed. Mode 0600.
 */
export const replaceFile = async (path: string, text: string, options: { isDurable?: boolean } = {}): Promise<void> => {
  const draft = `${path}.${process.pid}-${counter++}.new`;
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(text);
      if (options.isDurable) await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
};
