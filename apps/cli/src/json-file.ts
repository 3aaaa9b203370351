import { readFile } from "node:fs/promises";
import { replaceFile } from "@portolan/kit";
import type { z } from "zod";

/** What the file holds; undefined when there is none. @throws when it holds something else. */
export const readJsonFile = async <Schema extends z.ZodType>(
  path: string,
  schema: Schema,
): Promise<z.output<Schema> | undefined> => {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? undefined : schema.parse(JSON.parse(text));
};

/** Replaces the file as a whole, mode 0600: a crash leaves the former one or this one. */
export const writeJsonFile = (path: string, value: unknown): Promise<void> =>
  replaceFile(path, `${JSON.stringify(value, null, 2)}\n`, { isDurable: true });
