import { expect, test } from "vitest";
import { z } from "zod";
import { EnvError, parseEnv } from "./env.ts";

const schema = z.object({
  PORTOLAN_API_PORT: z.coerce.number().int().min(0).max(65_535).default(4100),
  DATABASE_URL: z.url(),
  PORTOLAN_MODE: z.enum(["embedded", "distributed"]),
  SESSION_SECRET: z.string().refine((value) => value.length >= 32, {
    error: (issue) => `too short: ${String(issue.input)}`,
  }),
});

const failure = (source: { [name: string]: string }): EnvError => {
  try {
    parseEnv(schema, source);
  } catch (error) {
    if (error instanceof EnvError) return error;
  }
  throw new Error("parseEnv accepted a bad environment");
};

test("parses, applies defaults and ignores what the schema does not name", () => {
  const env = parseEnv(schema, {
    PORTOLAN_API_PORT: "",
    DATABASE_URL: "postgres://u:p@localhost/db",
    PORTOLAN_MODE: "embedded",
    SESSION_SECRET: "x".repeat(32),
    PATH: "/bin",
  });
  expect(env).toEqual({
    PORTOLAN_API_PORT: 4100,
    DATABASE_URL: "postgres://u:p@localhost/db",
    PORTOLAN_MODE: "embedded",
    SESSION_SECRET: "x".repeat(32),
  });
});

test("lists every bad variable in one error", () => {
  const error = failure({ PORTOLAN_API_PORT: "eighty", PORTOLAN_MODE: "cloud" });
  expect(error.variables).toEqual(["PORTOLAN_API_PORT", "DATABASE_URL", "PORTOLAN_MODE", "SESSION_SECRET"]);
  expect(error.message).toContain("PORTOLAN_API_PORT: ");
  expect(error.message).toContain('"eighty"');
  expect(error.message).toMatch(/DATABASE_URL: is not set/);
});

test("never shows a secret's value, not even when the schema's message quotes it", () => {
  const { message } = failure({
    DATABASE_URL: "canary-one:hunter2@",
    PORTOLAN_MODE: "embedded",
    SESSION_SECRET: "canary-two",
  });
  expect(message).toContain("SESSION_SECRET: has a wrong value");
  expect(message).not.toContain("canary-one");
  expect(message).not.toContain("canary-two");
});
