import { mkdir } from "node:fs/promises";

/** With what is above it; nobody else may look in. */
export const makePath = async (path: string): Promise<void> => {
  await mkdir(path, { recursive: true, mode: 0o700 });
};
