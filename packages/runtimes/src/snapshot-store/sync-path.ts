import { open } from "node:fs/promises";

/** Waits until a file, or the entries of a directory, are on the disk. */
export const syncPath = async (path: string): Promise<void> => {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};
