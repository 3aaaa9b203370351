import type { z } from "zod";
import { isSecretName, redact } from "./redact.ts";

/** Where variables come from: `process.env` or a test's object. */
export type EnvSource = { readonly [name: string]: string | undefined };

/** One or more variables are missing or wrong; the message names each, one a line, and no secret value. */
export class EnvError extends Error {
  readonly variables: readonly string[];

  constructor(problems: readonly { name: string; message: string }[]) {
    super(
      ["The environment is not usable:", ...problems.map(({ name, message }) => `  ${name}: ${message}`)].join("\n"),
    );
    this.name = "EnvError";
    this.variables = [...new Set(problems.map(({ name }) => name))];
  }
}

const maxShownCharacters = 80;

const describe = (name: string, value: string | undefined, message: string): string => {
  if (value === undefined) return `is not set (${message})`;
  // A schema's own message may quote the input, so a secret's message is not repeated at all.
  if (isSecretName(name)) return "has a wrong value (not shown)";
  return `${redact(message)} (it is ${JSON.stringify(redact(value).slice(0, maxShownCharacters))})`;
};

/**
 * Reads the variables that `schema` names and nothing else. An empty variable counts as unset, as in a container's
 * `FOO=`. Throws `EnvError` that lists all problems.
 */
export const parseEnv = <Schema extends z.ZodObject>(
  schema: Schema,
  source: EnvSource = process.env,
): z.output<Schema> => {
  const input: { [name: string]: string } = {};
  for (const name of Object.keys(schema.shape)) {
    const value = source[name];
    if (value !== undefined && value !== "") input[name] = value;
  }
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new EnvError(
    result.error.issues.map((issue) => {
      const name = String(issue.path[0] ?? "environment");
      return { name, message: describe(name, name === "environment" ? "" : input[name], issue.message) };
    }),
  );
};
