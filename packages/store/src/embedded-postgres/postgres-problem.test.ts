import { expect, test } from "vitest";
import { PostgresProblem, saysDiskFull, toFileProblem } from "./postgres-problem.ts";

test("file system errors become sentences with what to do; others stay as they are", () => {
  const denied = toFileProblem(Object.assign(new Error("x"), { code: "EACCES" }), "/some/where");
  expect(denied).toMatchObject({
    code: "postgres.noPermission",
    message: "Portolan may not write to /some/where.",
    hint: expect.stringContaining("PORTOLAN_HOME"),
  });
  expect(toFileProblem(Object.assign(new Error("x"), { code: "ENOSPC" }), "/d")).toMatchObject({
    code: "postgres.diskFull",
    retryable: true,
  });
  const other = new Error("x");
  expect(toFileProblem(other, "/d")).toBe(other);
  expect(toFileProblem(denied, "/d")).toBe(denied);
  expect(denied).toBeInstanceOf(PostgresProblem);
});

test("Postgres' ways of saying that the disk is full", () => {
  // As PostgreSQL 18's initdb said on a full tmpfs.
  const said = `FATAL:  could not extend file "base/1/2691": wrote only 4096 of 8192 bytes at block 9
HINT:  Check free disk space.`;
  expect(saysDiskFull(said)).toBe(true);
  expect(saysDiskFull('could not write to file "pg_wal/xlogtemp.1": No space left on device')).toBe(true);
  expect(saysDiskFull("FATAL:  could not bind")).toBe(false);
});
