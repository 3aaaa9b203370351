import { readFile } from "node:fs/promises";
import { replaceFile } from "@portolan/kit";
import type { z } from "zod";
import { CliFailure } from "./failure.ts";

/**
 * What the file holds; undefined when there is none.
 * @throws CliFailure with `hint` when it can't be read or holds something else; its content is not repeated.
 */
export const readJsonFile = async <Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  hint: string,
): Promise<z.output<Schema> | undefined> => {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
    if (code === "ENOENT") return undefined;
    throw new CliFailure(`${path} can't be read (${code}).`, {
      hint: "It must be a plain file that the user who starts Portolan may read.",
      cause,
    });
  }
  const found = schema.safeParse(parse(text));
  if (found.success) return found.data;
  throw new CliFailure(`${path} is damaged: it does not hold what Portolan writes there.`, { hint });
};

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Replaces the file as a whole, mode 0600: a crash leaves the former one or this one. */
export const writeJsonFile = (path: string, value: unknown): Promise<void> =>
  replaceFile(path, `${JSON.stringify(value, null, 2)}\n`, { isDurable: true });
