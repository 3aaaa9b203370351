import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { tryPidLock } from "@portolan/kit";
import { temporaryDirectory } from "@portolan/testing";
import { expect, test } from "vitest";
import { readCliConfig } from "./config.ts";
import { createProfileStore } from "./profile.ts";
import { run } from "./run.ts";

const at = "2026-11-23T00:00:00.000Z";
const id = (prefix: string) => `${prefix}_${"0".repeat(26)}`;
const app = { id: id("app"), name: "shop", state: "active", createdAt: at, updatedAt: at };
const operation = (state: string, more: object = {}) => ({
  id: id("opr"),
  kind: "chain.create",
  target: { type: "chain", id: id("chn") },
  state,
  done: ["succeeded", "failed", "cancelled"].includes(state),
  progress: 0.5,
  steps: [{ key: "nodes", title: "Start nodes", state: "running" }],
  createdAt: at,
  ...more,
});
const session = { token: "t1", refreshToken: "r1", expiresAt: at };

type Answer = [status: number, body: unknown];
const problem = (status: number, code: string): Answer => [
  status,
  { type: "t", title: "T", status, detail: "No.", code, hint: "Do.", requestId: "req_1" },
];

const setUp = (
  answers: (Answer | Error)[],
  options: { env?: Record<string, string>; stdin?: string; root?: string } = {},
) => {
  const profileFile = join(temporaryDirectory("cli"), "deep", "profile.json");
  const written = { out: "", err: "" };
  const add = (text: unknown, to: "out" | "err"): true => {
    written[to] += String(text);
    return true;
  };
  const sent: { url: string; method: string; authorization: string | null; body: unknown }[] = [];
  const go = (...args: string[]) =>
    run(args, {
      screen: {
        out: { write: (text) => add(text, "out") },
        err: { write: (text) => add(text, "err") },
      },
      // A pipe, as far as the password's reader looks.
      stdin: Readable.from([options.stdin ?? ""]) as unknown as NodeJS.ReadStream,
      loadConfig: () => readCliConfig({ PORTOLAN_CONFIG: profileFile, ...options.env }),
      openProfile: createProfileStore,
      root: options.root ?? "/clone",
      fetch: async (url, init) => {
        sent.push({
          url,
          method: init.method ?? "",
          authorization: new Headers(init.headers).get("authorization"),
          body: typeof init.body === "string" ? JSON.parse(init.body) : undefined,
        });
        const answer = answers.shift();
        if (answer === undefined) throw new Error("no further call was expected");
        if (answer instanceof Error) throw answer;
        return new Response(JSON.stringify(answer[1]), { status: answer[0] });
      },
    });
  return { go, sent, profileFile, screen: () => written };
};
const signedIn = { PORTOLAN_TOKEN: "ptl_token" };

test("--json prints the API's answer on standard output and nothing else", async () => {
  const { go, screen, sent } = setUp([[200, { items: [app], nextPageToken: null }]], { env: signedIn });
  expect(await go("apps", "list", "--json")).toBe(0);
  expect(JSON.parse(screen().out)).toEqual([app]);
  expect(screen().err).toBe("");
  expect(sent[0]?.authorization).toBe("Bearer ptl_token");
});

test.each([
  ["wrong usage", ["chains", "create", "x"], [], 2],
  ["an unknown command", ["fly"], [], 2],
  ["not signed in", ["apps", "list"], [], 3],
] as const)("exit code: %s", async (_name, args, answers, code) => {
  const { go, screen } = setUp([...answers]);
  expect(await go(...args)).toBe(code);
  expect(screen().out).toBe("");
  expect(screen().err).not.toBe("");
});

test.each([
  [401, "credential.expired", 3],
  [403, "policy.denied", 4],
  [402, "app.suspended", 4],
  [404, "resource.not_found", 5],
  [422, "chain.settings_invalid", 2],
  [409, "chain.busy", 1],
])("exit code of a %i", async (status, code, expected) => {
  const { go, screen } = setUp([problem(status, code)], { env: signedIn });
  expect(await go("apps", "create", "shop")).toBe(expected);
  expect(screen().err).toContain("No.");
  expect(screen().err).toContain("Do.");
  expect(screen().err).toContain("req_1");
});

test("no answer is 6, with what to do", async () => {
  const down = () => new TypeError("fetch failed", { cause: Object.assign(new Error("x"), { code: "ECONNREFUSED" }) });
  const { go, screen } = setUp([down()], { env: signedIn });
  expect(await go("keys", "create", id("app"), "laptop")).toBe(6);
  expect(screen().err).toContain("npm start");
});

test("an operation is followed; one that fails or needs attention is 7", async () => {
  const good = setUp(
    [
      [202, operation("queued")],
      [200, operation("running")],
      [200, operation("succeeded")],
    ],
    { env: signedIn },
  );
  expect(await good.go("chains", "create", "ledger", "--app", id("app"), "--set", "blockTime=2", "--json")).toBe(0);
  expect(JSON.parse(good.screen().out)).toMatchObject({ state: "succeeded" });
  expect(good.screen().err).toContain("Start nodes: running");
  expect(good.sent[0]?.body).toMatchObject({ name: "ledger", plan: "dev", settings: { blockTime: 2 } });
  for (const state of ["failed", "needsAttention", "cancelled"]) {
    const bad = setUp(
      [
        [200, operation(state)],
        [200, operation(state)],
      ],
      { env: signedIn },
    );
    expect(await bad.go("operations", "wait", id("opr"))).toBe(7);
  }
});

test("--detach does not wait", async () => {
  const { go, sent } = setUp([[202, operation("queued")]], { env: signedIn });
  expect(await go("chains", "pause", id("chn"), "--detach")).toBe(0);
  expect(sent).toHaveLength(1);
});

test("login keeps the session in a file of our own, and prints no token", async () => {
  const { go, screen, profileFile, sent } = setUp([[201, session]], { stdin: "correct horse\n" });
  expect(await go("login", "--email", "a@b.example", "--password-stdin", "--json")).toBe(0);
  expect(sent[0]?.body).toMatchObject({ password: "correct horse" });
  expect(statSync(profileFile).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(profileFile, "utf8"))).toMatchObject({ token: "t1", refreshToken: "r1" });
  expect(screen().out + screen().err).not.toMatch(/t1|r1|correct horse/);
});

test("an expired session is refreshed and kept; logout forgets it whatever the server says", async () => {
  const fresh = { token: "t2", refreshToken: "r2", expiresAt: at };
  const { go, profileFile, sent } = setUp(
    [
      [201, session],
      problem(401, "credential.expired"),
      [201, fresh],
      [200, { items: [], nextPageToken: null }],
      problem(409, "resource.conflict"),
    ],
    { env: { PORTOLAN_PASSWORD: "correct horse" } },
  );
  await go("login", "--email", "a@b.example");
  expect(await go("apps", "list")).toBe(0);
  expect(JSON.parse(readFileSync(profileFile, "utf8"))).toMatchObject(fresh);
  expect(sent[3]?.authorization).toBe("Bearer t2");
  expect(await go("logout")).toBe(1);
  expect(() => statSync(profileFile)).toThrow("ENOENT");
});

test("a session is sent only to the plane that gave it", async () => {
  const { go, sent } = setUp([[201, session]], { env: { PORTOLAN_PASSWORD: "p" } });
  await go("login", "--email", "a@b.example");
  expect(await go("apps", "list", "--api", "http://elsewhere.example")).toBe(3);
  expect(sent).toHaveLength(1);
});

test("there is no option that takes a password", async () => {
  const { go } = setUp([]);
  expect(await go("login", "--email", "a@b.example", "--password", "x")).toBe(2);
});

test("a hostile name can't move the cursor", async () => {
  const { go, screen } = setUp([[200, { items: [{ ...app, name: "\u001b[2Jx\u202e" }], nextPageToken: null }]], {
    env: signedIn,
  });
  await go("apps", "list");
  expect(screen().out).not.toMatch(/\u001b|\u202e/);
});

test("with --json a failure is one line of JSON on standard error", async () => {
  const refused = setUp([problem(403, "policy.denied")], { env: signedIn });
  expect(await refused.go("apps", "create", "shop", "--json")).toBe(4);
  expect(refused.screen().out).toBe("");
  expect(
    refused
      .screen()
      .err.trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual([{ code: "policy.denied", message: "No.", hint: "Do.", requestId: "req_1", status: 403 }]);
  for (const args of [
    ["fly", "--json"],
    ["apps", "--json"],
    ["keys", "create", "--json"],
  ]) {
    const { go, screen } = setUp([]);
    expect(await go(...args)).toBe(2);
    expect(JSON.parse(screen().err)).toMatchObject({ code: "usage", message: expect.any(String) });
  }
});

test.each([
  [
    "the URL first",
    { PORTOLAN_API_URL: "http://elsewhere.example", PORTOLAN_API_PORT: "4300" },
    "http://elsewhere.example",
  ],
  ["then the port", { PORTOLAN_API_PORT: "4300" }, "http://127.0.0.1:4300"],
  ["then the plane that runs in the home", {}, "http://127.0.0.1:4999"],
  ["a port of 0 says nothing", { PORTOLAN_API_PORT: "0" }, "http://127.0.0.1:4999"],
  ["then the usual one", { PORTOLAN_HOME: "/nowhere/at/all" }, "http://127.0.0.1:4100"],
])("which API: %s", async (_name, env, expected) => {
  const root = temporaryDirectory("root", "/tmp");
  chmodSync(root, 0o755);
  mkdirSync(join(root, ".portolan"), { mode: 0o755 });
  const lock = tryPidLock(join(root, ".portolan", "up.lock"));
  if (!lock.ok) throw new Error("a free lock was refused");
  lock.lock.publish({ api: "http://127.0.0.1:4999", gateway: "http://127.0.0.1:5000" });
  const { go, sent } = setUp([[200, { items: [], nextPageToken: null }]], { env: { ...signedIn, ...env }, root });
  expect(await go("apps", "list")).toBe(0);
  expect(new URL(sent[0]?.url ?? "").origin).toBe(expected);
});

test("a port that is none is said by its variable", async () => {
  const { go, screen } = setUp([], { env: { PORTOLAN_API_PORT: "abc" } });
  expect(await go("apps", "list")).toBe(2);
  expect(screen().err).toContain("PORTOLAN_API_PORT: must be a number from 0 to 65535");
});

test("every command says what it does, and there is a version", async () => {
  const { go, screen } = setUp([]);
  expect(await go("--version")).toBe(0);
  expect(screen().out).toMatch(/^\d+\.\d+\.\d+\n$/);
  for (const group of ["apps", "keys", "chains", "operations", "service-accounts"]) {
    const { go: help, screen: shown } = setUp([]);
    expect(await help(group, "--help")).toBe(0);
    const commands = shown().out.split("Commands:\n")[1]?.trimEnd().split("\n") ?? [];
    expect(commands.length).toBeGreaterThan(1);
    for (const line of commands) expect(line).toMatch(/^ {2}\S.* {2,}\S|^ {10,}\S/);
  }
});

test.each(["abc", "0", "-1", "1.5"])("a list of --limit %s is wrong usage, not the whole of it", async (limit) => {
  const { go, screen } = setUp([[200, { items: [], nextPageToken: null }]], { env: signedIn });
  expect(await go("audit", "--limit", limit)).toBe(2);
  expect(screen().err).toContain("--limit takes a whole number");
});

test("a machine's credential is made with its role; its secret is shown once", async () => {
  const account = {
    id: id("svc"),
    name: "ci",
    role: "developer",
    prefix: "ptl_x",
    expiresAt: null,
    secret: "ptl_secret",
  };
  const { go, screen, sent } = setUp([[201, account]], { env: signedIn });
  expect(await go("service-accounts", "create", "ci", "--role", "owner")).toBe(2);
  expect(await go("service-accounts", "create", "ci", "--role", "developer")).toBe(0);
  expect(sent.map(({ body }) => body)).toEqual([{ name: "ci", role: "developer" }]);
  expect(screen().out).toContain("ptl_secret");
  expect(screen().err).toContain("only now");
});

test("parts of a chain have commands made from their kinds; settings come from flags and files", async () => {
  const chain = id("chn");
  const made = operation("succeeded", { kind: "part.create", target: { type: "identity", id: id("idn") } });
  const file = join(temporaryDirectory("csr"), "ann.csr");
  writeFileSync(file, "-----BEGIN CERTIFICATE REQUEST-----\n");
  const { go, sent, screen } = setUp([[202, made]], { env: signedIn });
  const flags = ["--set", "organisation=org1", "--set", "keys.mode=own", "--set", `keys.csr=@${file}`, "--detach"];
  expect(await go("identities", "create", chain, "ann", ...flags, "--json")).toBe(0);
  expect(sent).toMatchObject([
    {
      method: "POST",
      url: `http://127.0.0.1:4100/v1/chains/${chain}/identities`,
      body: {
        name: "ann",
        settings: { organisation: "org1", keys: { mode: "own", csr: "-----BEGIN CERTIFICATE REQUEST-----\n" } },
      },
    },
  ]);
  expect(JSON.parse(screen().out)).toEqual(made);
});

test("a part is read, changed and deleted by name; a channel can't be deleted", async () => {
  const chain = id("chn");
  const part = {
    ...{ id: id("cha"), chainId: chain, kind: "channel", name: "trade", settings: { batch: {} }, generation: 1 },
    ...{ observedGeneration: 1, state: "ready", detail: { height: "7" }, createdAt: at },
  };
  const { go, sent, screen } = setUp(
    [
      [200, { items: [part], nextPageToken: null }],
      [200, part],
      [202, operation("succeeded")],
      [202, operation("succeeded")],
      [202, operation("succeeded")],
    ],
    { env: signedIn },
  );
  expect(await go("channels", "list", chain)).toBe(0);
  expect(await go("channels", "get", chain, "trade")).toBe(0);
  expect(screen().out).toContain('"height": "7"');
  expect(await go("channels", "update", chain, "trade", "--set", "batch.timeoutMs=500", "--detach")).toBe(0);
  expect(await go("chaincodes", "update", chain, "token", "--set", "version=2.0", "--detach")).toBe(0);
  expect(await go("chaincodes", "delete", chain, "token", "--detach")).toBe(0);
  expect(sent.map(({ method, url }) => `${method} ${url.split("/v1/chains/")[1]?.slice(chain.length)}`)).toEqual([
    "GET /channels",
    "GET /channels/trade",
    "PATCH /channels/trade",
    "PATCH /chaincodes/token",
    "DELETE /chaincodes/token",
  ]);
  expect(sent[2]?.body).toEqual({ settings: { batch: { timeoutMs: 500 } } });
  expect(sent[3]?.body).toEqual({ settings: { version: "2.0" } });
  expect(await go("channels", "delete", chain, "trade")).toBe(2);
});

test("a chain is changed, or the change only quoted; a document comes as it is", async () => {
  const chain = id("chn");
  const document = { name: "network.json", mediaType: "application/json", title: "T", content: '{"a":1}\n' };
  const { go, sent, screen } = setUp(
    [
      [202, operation("succeeded")],
      [200, document],
    ],
    { env: signedIn },
  );
  const file = join(temporaryDirectory("settings"), "settings.json");
  writeFileSync(file, JSON.stringify({ orderers: 3, consensus: "raft", batch: { timeoutMs: 1, maxMessages: 9 } }));
  const single = ["--set", "orderers=5", "--set", "batch.timeoutMs=2"];
  expect(await go("chains", "update", chain, "--name", "x", "--settings", file, ...single, "--detach")).toBe(0);
  const settings = { orderers: 5, consensus: "raft", batch: { timeoutMs: 2, maxMessages: 9 } };
  expect(sent[0]).toMatchObject({ method: "PATCH", body: { name: "x", settings } });
  const before = screen().out.length;
  expect(await go("documents", "get", chain, "network.json")).toBe(0);
  expect(screen().out.slice(before)).toBe('{"a":1}\n');
  expect(await go("chains", "update", chain, "--set", "=5")).toBe(2);
  expect(await go("chains", "update", chain, "--settings", "/nowhere/at-all.json")).toBe(2);
  expect(sent).toHaveLength(2);
});

test("a chain is upgraded, and given another plan, as it is changed", async () => {
  const chain = id("chn");
  const { go, sent } = setUp([[202, operation("succeeded")]], { env: signedIn });
  const flags = ["--chain-version", "1.1.0", "--plan", "standard", "--detach"];
  expect(await go("chains", "update", chain, ...flags)).toBe(0);
  expect(sent).toMatchObject([{ method: "PATCH", body: { version: "1.1.0", plan: "standard" } }]);
});
