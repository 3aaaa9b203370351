import { readFile, stat } from "node:fs/promises";
import { DomainError, type JsonObject } from "@portolan/domain";
import { hasErrorCode, replaceFile } from "@portolan/kit";
import { z } from "zod";

const text = z.string().min(1).max(200);

const entry = z.strictObject({
  slug: z
    .string()
    .max(63)
    .regex(/^[a-z][a-z0-9-]*[a-z0-9]$/, "must be letters, digits and hyphens, in lower case"),
  name: text,
  country: z.string().regex(/^[A-Z]{2}$/, "must be a country's two letters"),
  city: text,
  provider: text,
  /** Whose law holds there, as policies name it. */
  jurisdiction: text,
  /** Who runs the machines. */
  operator: text.default("operator"),
  runtime: z.looseObject({ kind: z.string().min(1).max(50) }),
});

const file = z
  .array(entry)
  .max(1_000)
  .refine((entries) => new Set(entries.map(({ slug }) => slug)).size === entries.length, "names a region twice");

/** One region as its operator declares it. */
export type DeclaredRegion = z.output<typeof entry>;

const refuse = (message: string, hint: string, cause?: unknown): DomainError =>
  new DomainError({ code: "runtime.failed", message, hint, cause });

const parse = (path: string, text: string): DeclaredRegion[] => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refuse(`${path} is no JSON.`, "Mend it by hand, or write it anew with `portolan regions add`.", cause);
  }
  const found = file.safeParse(value);
  if (found.success) return found.data;
  throw refuse(`${path} is no list of regions: ${z.prettifyError(found.error)}`, "docs/kubernetes.md has its form.");
};

/**
 * The operator's regions; undefined when there is no such file. It names files with credentials and programs that are
 * run to get some, so nobody but its owner may read or change it.
 * @throws DomainError that says what is wrong with it and what to do.
 */
export const readRegionsFile = async (path: string): Promise<DeclaredRegion[] | undefined> => {
  try {
    const { mode } = await stat(path);
    if (process.platform !== "win32" && (mode & 0o077) !== 0)
      throw refuse(
        `${path} can be read or changed by others (mode ${(mode & 0o777).toString(8)}).`,
        `chmod 600 ${path}`,
      );
    return parse(path, await readFile(path, "utf8"));
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return undefined;
    if (error instanceof DomainError) throw error;
    throw refuse(`${path} can't be read.`, "It must be a plain file of the user who runs Portolan.", error);
  }
};

/** Replaces the file as a whole, mode 0600. @throws DomainError when it is no list of regions. */
export const writeRegionsFile = async (path: string, regions: readonly DeclaredRegion[]): Promise<void> => {
  const content = `${JSON.stringify(regions, null, 2)}\n`;
  parse(path, content);
  await replaceFile(path, content, { isDurable: true });
};

/** The runtime's settings without its kind. */
export const runtimeOf = ({ runtime }: DeclaredRegion): { kind: string; settings: JsonObject } => {
  const { kind, ...settings } = runtime;
  return { kind, settings: settings as JsonObject };
};
