import { readFileSync } from "node:fs";
import type { z } from "zod";
import { CliFailure, exitCodes } from "../failure.ts";

const mostBytes = 200_000;

const usage = (message: string): CliFailure => new CliFailure(message, { exitCode: exitCodes.usage });

const readText = (path: string): string => {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw usage(`The file ${path} can't be read.`);
  }
  if (text.length > mostBytes) throw usage(`The file ${path} is too long for a setting.`);
  return text;
};

const toValue = (text: string): unknown => {
  if (text.startsWith("@")) return readText(text.slice(1));
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

const put = (target: Record<string, unknown>, path: readonly string[], value: unknown): Record<string, unknown> => {
  const [name = "", ...rest] = path;
  if (rest.length === 0) return { ...target, [name]: value };
  const inner = Object.hasOwn(target, name) ? target[name] : undefined;
  const members = typeof inner === "object" && inner !== null && !Array.isArray(inner) ? inner : {};
  return { ...target, [name]: put(members as Record<string, unknown>, rest, value) };
};

interface Pair {
  path: readonly string[];
  text: string;
}

const toPair = (pair: string): Pair => {
  const at = pair.indexOf("=");
  const path = pair.slice(0, Math.max(0, at)).split(".");
  if (path.some((name) => name === "" || name === "__proto__"))
    throw usage(`--set ${pair} is not of the form name=value.`);
  return { path, text: pair.slice(at + 1) };
};

/**
 * `blockTime=2` → 2; what is no JSON is text, `@path` a file's text, and dots go into members: `keys.csr=@ann.csr`.
 * With a schema, what looks like JSON is text where only text will do: `version=2.0`.
 */
const toSettings = (
  whole: Record<string, unknown>,
  pairs: readonly string[],
  schema?: z.ZodType,
): Record<string, unknown> => {
  const list = pairs.map(toPair);
  const build = (isText: (pair: Pair) => boolean): Record<string, unknown> =>
    list.reduce<Record<string, unknown>>(
      (settings, pair) => put(settings, pair.path, isText(pair) ? pair.text : toValue(pair.text)),
      whole,
    );
  const settings = build(() => false);
  const issues = schema?.safeParse(settings).error?.issues ?? [];
  const textual = new Set(
    issues.flatMap((issue) =>
      issue.code === "invalid_type" && issue.expected === "string" ? [issue.path.map(String).join(".")] : [],
    ),
  );
  return textual.size === 0 ? settings : build(({ path }) => textual.has(path.join(".")));
};

/** All settings from a file of JSON, and single ones on top of them: what a single one does not name stays. */
export const readSettings = (
  flags: { settings?: string; set?: readonly string[] },
  schema?: z.ZodType,
): Record<string, unknown> => {
  const single = flags.set ?? [];
  if (flags.settings === undefined) return toSettings({}, single, schema);
  let whole: unknown;
  try {
    whole = JSON.parse(readText(flags.settings));
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw usage(`The file ${flags.settings} is not JSON.`);
  }
  if (typeof whole !== "object" || whole === null || Array.isArray(whole))
    throw usage(`The file ${flags.settings} is not an object of settings.`);
  return toSettings(whole as Record<string, unknown>, single, schema);
};
