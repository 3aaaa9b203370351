import { join } from "node:path";
import { parseStandby } from "@portolan/frameworks";
import { expect, test } from "vitest";
import { childEnvironment } from "./child-environment.ts";
import { readUpSettings } from "./settings.ts";

test("defaults: the clone's .portolan, 4100 and 4200, the embedded database", () => {
  expect(readUpSettings("/clone", {})).toMatchObject({
    wishedHome: "/clone/.portolan",
    apiPort: 4100,
    gatewayPort: 4200,
    grpcPort: 4201,
    database: undefined,
  });
});

test("a part of a database, and a port that is none, are refused by name", () => {
  expect(() => readUpSettings("/clone", { DATABASE_URL: "postgres://x" })).toThrow("belong together");
  expect(() => readUpSettings("/clone", { PORTOLAN_API_PORT: "70000" })).toThrow("PORTOLAN_API_PORT");
});

test("directories are where the caller stands: the processes start in the home", () => {
  const source = { PORTOLAN_PROGRAMS: "programs", PORTOLAN_BACKUPS: "backups" };
  expect(readUpSettings("/clone", source)).toMatchObject({
    programs: join(process.cwd(), "programs"),
    backups: join(process.cwd(), "backups"),
  });
});

test("one development chain stands by unless told otherwise; API and worker have the same list", () => {
  const urls = { owner: "", app: "", system: "" };
  const listOf = (name: "api" | "worker" | "gateway", source: { [name: string]: string }) =>
    childEnvironment(name, {
      settings: readUpSettings("/clone", source),
      home: "/home",
      urls,
      apiPort: 1,
      gatewayPort: 2,
      grpcPort: 3,
    })["PORTOLAN_STANDBY"];
  for (const name of ["api", "worker"] as const) {
    expect(parseStandby(listOf(name, {}) ?? "")).toEqual([
      { framework: "anvil", plan: "dev", region: "local", count: 1 },
    ]);
    expect(listOf(name, { PORTOLAN_STANDBY: "[]" })).toBe("[]");
  }
  expect(listOf("gateway", {})).toBeUndefined();
  expect(() => readUpSettings("/clone", { PORTOLAN_STANDBY: "1" })).toThrow("PORTOLAN_STANDBY is a list of");
});

test("each process gets what it needs and no more", () => {
  const source = {
    PATH: "/bin",
    AWS_SECRET_ACCESS_KEY: "canary",
    DATABASE_OWNER_URL: "o",
    DATABASE_URL: "a",
    DATABASE_SYSTEM_URL: "s",
  };
  const settings = readUpSettings("/clone", source);
  const urls = settings.database ?? { owner: "", app: "", system: "" };
  const input = { settings, home: "/home", urls, apiPort: 1, gatewayPort: 2, grpcPort: 3 };
  const [api, worker, gateway] = (["api", "worker", "gateway"] as const).map((name) => childEnvironment(name, input));
  for (const env of [api, worker, gateway]) {
    expect(Object.values(env ?? {})).not.toContain("o");
    expect(JSON.stringify(env)).not.toContain("canary");
    expect(env?.["PATH"]).toBe("/bin");
  }
  expect(worker).toMatchObject({ NODE_OPTIONS: "--max-semi-space-size=8" });
  expect(Object.values(api ?? {})).toContain("a");
  expect(Object.values(gateway ?? {})).not.toContain("a");
});
