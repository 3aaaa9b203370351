import { expect, test } from "vitest";
import { createLogger } from "./log.ts";

const capture = (isTTY = false) => {
  const lines: string[] = [];
  return { lines, destination: { isTTY, write: (line: string) => lines.push(line) } };
};

test("writes one JSON line with name, level, time and fields", () => {
  const { lines, destination } = capture();
  createLogger({ name: "api", destination }).info({ chainId: "chn_1" }, "created");
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ name: "api", level: "info", msg: "created", chainId: "chn_1" });
  expect(Number.isNaN(Date.parse(JSON.parse(lines[0] ?? "").time))).toBe(false);
});

test("no canary passes, wherever it was put", () => {
  const { lines, destination } = capture();
  const log = createLogger({ name: "api", level: "debug", destination });
  const error = Object.assign(new Error("bad ptl_CANARY0123456789"), {
    password: "CANARY",
    cause: new Error("Bearer CANARYCANARY"),
  });
  log.error({ err: error }, "failed with password=CANARY");
  log.child({ token: "CANARY", url: "postgres://a:CANARY@h/db" }).warn("child");
  log.info({ req: { headers: { authorization: "Bearer CANARYCANARY", "x-api-key": "CANARY" } } });
  log.debug(
    { key: new Uint8Array(Buffer.from("CANARY")), deep: { list: [{ mnemonic: ["CANARY"] }] } },
    "ptl_CANARYCANARY",
  );
  expect(lines).toHaveLength(4);
  expect(lines.join("")).not.toContain("CANARY");
});

test("level and silence", () => {
  const { lines, destination } = capture();
  const log = createLogger({ name: "api", level: "warn", destination });
  log.info("no");
  log.child({ part: "x" }).warn("yes");
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(["yes"]);
});

test("on a terminal: one readable line, redacted", () => {
  const { lines, destination } = capture(true);
  createLogger({ name: "worker", destination }).error(
    { err: new Error("no\nway"), chainId: "chn_1", token: "CANARY" },
    "lost",
  );
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d ERROR worker: lost chainId=chn_1 token=\[redacted\] error="no\\nway"\n$/);
});
