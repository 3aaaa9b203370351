import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createIdSource, systemClock } from "@portolan/domain";
import { migrateJobs } from "@portolan/jobs";
import { createClients, jobsSchema, localRegion, seed } from "@portolan/store";
import { testDatabase } from "@portolan/testing";
import { afterAll, expect, it } from "vitest";
import { makeEnvironment } from "./make-environment.ts";

const database = await testDatabase();
const home = await mkdtemp(join(tmpdir(), "portolan-api-"));
afterAll(() => rm(home, { recursive: true, force: true }));
const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));

const start = async (env: {
  [name: string]: string;
}): Promise<{ child: ChildProcess; port: number; output: () => string }> => {
  let output = "";
  const child = fork(main, [], { env, stdio: ["ignore", "pipe", "pipe", "ipc"] });
  child.stdout?.on("data", (chunk) => (output += String(chunk)));
  child.stderr?.on("data", (chunk) => (output += String(chunk)));
  const port = await new Promise<number>((resolve, reject) => {
    child.once("message", (message: { port: number }) => resolve(message.port));
    child.once("exit", (code) => reject(new Error(`ended with ${code}: ${output}`)));
  });
  return { child, port, output: () => output };
};
const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => child.once("exit", (code) => resolve(code)));

it("serves the first journey, keeps secrets out of its log, and stops when told or left alone", async () => {
  const clients = createClients({ appUrl: database.urls.app, systemUrl: database.urls.system });
  const ids = createIdSource({
    clock: systemClock,
    random: { bytes: (size) => crypto.getRandomValues(new Uint8Array(size)) },
  });
  await seed({
    client: clients.system,
    ids,
    clock: systemClock,
    regions: [localRegion("http://127.0.0.1:1")],
    signupMode: "open",
  });
  await migrateJobs({ kind: "postgres", connectionString: database.urls.system, schema: jobsSchema });
  const env = makeEnvironment({ home, urls: database.urls });

  const first = await start(env);
  const base = `http://127.0.0.1:${first.port}`;
  expect((await fetch(`${base}/readyz`)).status).toBe(200);
  const post = (path: string, body: object, token?: string) =>
    fetch(`${base}${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
  const password = "canary pass phrase 7Qx";
  const signup = await post("/v1/signup", {
    email: "ada@example.org",
    password,
    country: "FR",
    tenant: { name: "Acme" },
  });
  expect(signup.status).toBe(201);
  const { token, refreshToken } = (await signup.json()) as { token: string; refreshToken: string };
  const app = (await (await post("/v1/apps", { name: "shop" }, token)).json()) as { id: string };
  const made = await post(
    "/v1/chains",
    { appId: app.id, name: "l", framework: "anvil", plan: "dev", regions: ["local"] },
    token,
  );
  expect(made.status).toBe(202);
  const location = made.headers.get("location") ?? "";

  // A held answer does not hold up the stop.
  const held = fetch(`${base}${location}?wait=20`, { headers: { authorization: `Bearer ${token}` } });
  const stream = await fetch(`${base}${location}/events`, { headers: { authorization: `Bearer ${token}` } });
  expect(stream.headers.get("content-type")).toContain("text/event-stream");
  const began = performance.now();
  const stopped = ended(first.child);
  first.child.kill("SIGTERM");
  expect((await held).status).toBe(200);
  expect(await stopped).toBe(0);
  // The answer would have been held for twenty seconds.
  expect(performance.now() - began).toBeLessThan(15_000);
  for (const secret of [password, token, refreshToken]) expect(first.output()).not.toContain(secret);

  const second = await start(env);
  const again = await fetch(`http://127.0.0.1:${second.port}/v1/me`, { headers: { authorization: `Bearer ${token}` } });
  expect(again.status, "the signing key is kept").toBe(200);
  const alone = ended(second.child);
  second.child.disconnect();
  expect(await alone).toBe(0);
  expect((await readFile(join(home, "sessions.key"), "utf8")).length).toBeGreaterThan(40);
  await clients.close();
});

it("says which variables are missing", async () => {
  await expect(start({ PATH: process.env["PATH"] ?? "" })).rejects.toThrow("PORTOLAN_APP_DATABASE_URL");
});
