import { spawn } from "node:child_process";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Plane, startPlane } from "../support/plane.ts";

const main = fileURLToPath(new URL("../../apps/cli/src/main.ts", import.meta.url));
let plane: Plane;

beforeAll(async () => {
  plane = await startPlane();
});
afterAll(() => plane?.stop());

interface Run {
  code: number | null;
  out: string;
  err: string;
}

const portolan = async (args: readonly string[], stdin = ""): Promise<Run> => {
  const child = spawn(process.execPath, [main, ...args], {
    env: {
      PATH: process.env["PATH"] ?? "",
      PORTOLAN_HOME: plane.home,
      PORTOLAN_API_URL: plane.api,
      PORTOLAN_CONFIG: join(plane.home, "cli", "profile.json"),
    },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(stdin);
  const text = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    text.out += piece;
  });
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    text.err += piece;
  });
  const [code] = await once(child, "close");
  return { code: typeof code === "number" ? code : null, ...text };
};

/** With --json; throws what the command said when it failed. */
const json = async (...args: string[]) => {
  const { code, out, err } = await portolan([...args, "--json"]);
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${err}`);
  return JSON.parse(out);
};

test("a developer's day by the command line, on a real plane", async () => {
  expect((await portolan(["apps", "list"])).code).toBe(3);
  const signup = ["signup", "--email", "cli@example.com", "--tenant", "Acme", "--country", "FR", "--password-stdin"];
  const made = await portolan([...signup, "--json"], "a long pass phrase\n");
  expect(made.code, made.err).toBe(0);
  expect((await stat(join(plane.home, "cli", "profile.json"))).mode & 0o777).toBe(0o600);
  expect((await json("whoami")).tenant.id).toBe(JSON.parse(made.out).tenant.id);

  const app = await json("apps", "create", "shop");
  expect((await json("apps", "list")).map(({ id }: { id: string }) => id)).toEqual([app.id]);
  const key = await json("keys", "create", app.id, "laptop", "--scope", "rpc");
  expect(key.secret).toMatch(/^ptl_/);

  const quote = await portolan(["chains", "quote", "ledger", "--app", app.id]);
  expect(quote).toMatchObject({ code: 0, out: expect.stringContaining("a month; allowed") });
  const created = await portolan(["chains", "create", "ledger", "--app", app.id, "--plan", "standard", "--json"]);
  expect(created.code, created.err).toBe(0);
  expect(created.err).toContain("Open the endpoint: succeeded");
  const chain: string = JSON.parse(created.out).target.id;

  expect((await json("chains", "get", chain)).phase).toBe("running");
  expect((await json("chains", "nodes", chain))[0]).toMatchObject({ isHealthy: true });
  expect((await portolan(["chains", "logs", chain, "--limit", "5"])).code).toBe(0);
  expect((await json("chains", "events", chain)).length).toBeGreaterThan(0);
  expect((await json("chains", "pause", chain)).state).toBe("succeeded");
  expect((await json("chains", "resume", chain)).state).toBe("succeeded");
  expect((await json("chains", "delete", chain)).state).toBe("succeeded");
  expect((await json("chains", "restore", chain)).state).toBe("succeeded");
  expect(await json("operations", "list", "--chain", chain)).toHaveLength(5);
  expect((await json("usage", app.id)).appId).toBe(app.id);
  expect((await json("bill", app.id)).currency).toBe("USD");
  await json("keys", "revoke", app.id, key.id);
  expect((await json("keys", "list", app.id))[0].revokedAt).not.toBeNull();

  expect((await portolan(["chains", "get", `chn_${"0".repeat(26)}`])).code).toBe(5);
  expect((await portolan(["chains", "create", "x", "--app", app.id, "--framework", "nosuch"])).code).toBe(2);
  expect((await portolan(["doctor"])).code).toBe(0);
  expect((await portolan(["logout"])).code).toBe(0);
  expect((await portolan(["apps", "list"])).code).toBe(3);
});

test("while the plane runs, doctor reaches it; of a plane that is gone the commands say so", async () => {
  const { findings } = await json("doctor");
  const states = Object.fromEntries(
    findings.map((finding: { check: string; state: string }) => [finding.check, finding.state]),
  );
  expect(states).toMatchObject({
    plane: "ok",
    API: "ok",
    gateway: "ok",
    clock: "ok",
    home: "ok",
    database: "ok",
    anvil: "ok",
  });
  await plane.interrupt();
  const { code, err } = await portolan(
    ["login", "--email", "cli@example.com", "--password-stdin"],
    "a long pass phrase",
  );
  expect(code).toBe(6);
  expect(err).toContain("npm start");
});
