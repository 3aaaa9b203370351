import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createPortolan } from "@portolan/sdk";
import { freePort } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { rpc } from "../support/json-rpc.ts";
import { killNow, processesOf, untilNoProcess } from "../support/processes.ts";
import { until } from "../support/until.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Ready {
  api: string;
  gateway: string;
  home: string;
}

interface Start {
  child: ChildProcess;
  out(): string;
  err(): string;
  /** Resolves with the one line on standard output, rejects when it ends before. */
  ready(): Promise<Ready>;
  /** Resolves with the exit code. */
  ended(): Promise<number | null>;
}

/** As npm runs it: by the script that hands over to Node 24. */
const begin = (home: string, ports: { api: number; gateway: number }, args: readonly string[] = []): Start => {
  const { VITEST: _vitest, NODE_OPTIONS: _options, ...env } = process.env;
  const child = spawn(process.execPath, ["scripts/with-node.mjs", "apps/cli/src/main.ts", "up", "--json", ...args], {
    cwd: root,
    // A process group of its own, as a terminal or a service manager gives it.
    detached: true,
    env: {
      ...env,
      // This journey counts the first chain's nodes.
      PORTOLAN_STANDBY: "[]",
      PORTOLAN_HOME: home,
      PORTOLAN_API_PORT: String(ports.api),
      PORTOLAN_GATEWAY_PORT: String(ports.gateway),
      PORTOLAN_GRPC_PORT: "0",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const text = { out: "", err: "" };
  child.stdout?.setEncoding("utf8").on("data", (piece: string) => {
    text.out += piece;
  });
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
    text.err += piece;
  });
  // What it has written is read a moment after its end; a child of its own that lives on may keep the pipes open.
  const read = once(child, "close");
  const exit = once(child, "exit").then(async ([code]) => {
    await Promise.race([read, sleep(2_000, undefined, { ref: false })]);
    return typeof code === "number" ? code : null;
  });
  const line = async (): Promise<Ready> => {
    const found = await until("the ready line", async () => text.out.includes("\n") || child.exitCode !== null, {
      timeoutMs: 300_000,
    });
    if (!found || !text.out.includes("\n")) throw new Error(`it ended: ${text.err.slice(-4_000)}`);
    return JSON.parse(text.out);
  };
  return { child, out: () => text.out, err: () => text.err, ready: line, ended: () => exit };
};

const newHome = async (): Promise<string> => {
  const home = await mkdtemp(join(tmpdir(), "portolan-start-"));
  // Postgres' own account has to pass through when the tests run as root.
  await chmod(home, 0o755);
  return home;
};

const discard = async (home: string): Promise<void> => {
  killNow(processesOf(home).map(({ pid }) => pid));
  await untilNoProcess(home, 30_000);
  await rm(home, { recursive: true, force: true, maxRetries: 5 });
};

const names = (home: string): string[] => [...new Set(processesOf(home).map(({ name }) => name))].sort();

/** The URL with the key that the log offers for wallets. */
const pastedUrl = (log: string): string => /https?:\/\/\S+\/chn_\w+\/ptl_\S+/.exec(log)?.[0] ?? "";

describe("npm start, from nothing to a bill and back", () => {
  let home = "";
  let ports = { api: 0, gateway: 0 };
  let url = "";
  let height = 0;

  beforeAll(async () => {
    home = await newHome();
    ports = { api: await freePort(), gateway: await freePort() };
  });
  afterAll(() => discard(home));

  test("the first start takes the first chain to its bill, and Ctrl-C leaves nothing running", async () => {
    const start = begin(home, ports);
    const ready = await start.ready();
    expect(ready).toMatchObject({
      api: `http://127.0.0.1:${ports.api}`,
      gateway: `http://127.0.0.1:${ports.gateway}`,
      home,
    });
    expect(start.out().trim().split("\n")).toHaveLength(1);
    // The ready line and these come by pipes of their own.
    await until("the bill is said", async () => /CU counted/.test(start.err()));
    for (const step of [
      "tenant",
      "app",
      "key",
      "chain",
      "first block",
      "token contract deployed",
      "a metered call",
      "bill so far",
    ]) {
      expect(start.err()).toMatch(new RegExp(`^ {2}${step} +\\d+ ms`, "m"));
    }
    expect(start.err()).toContain("totalSupply() = 1000000 PQT");
    expect(start.err()).toMatch(/[1-9]\d*(\.\d)? CU counted/);
    expect(names(home)).toEqual(expect.arrayContaining(["api", "gateway", "postgres", "worker"]));

    const curl = /curl -s .*/.exec(start.err())?.[0] ?? "";
    const shell = spawn("sh", ["-c", curl], { stdio: ["ignore", "pipe", "ignore"] });
    const [answer] = await once(shell.stdout, "data");
    expect(JSON.parse(String(answer))).toMatchObject({ result: expect.stringMatching(/^0x/) });
    url = pastedUrl(start.err());
    const [from] = (await rpc(url, "eth_accounts")) as string[];
    await rpc(url, "eth_sendTransaction", [{ from, to: from, value: "0x1" }]);
    height = await until("the transaction's block", async () => Number(await rpc(url, "eth_blockNumber")) || undefined);
    const stoppingAt = performance.now();
    start.child.kill("SIGINT");
    expect(await start.ended()).toBe(0);
    expect(performance.now() - stoppingAt).toBeLessThan(60_000);
    expect(await untilNoProcess(home, 10_000)).toEqual([]);
    expect(start.out().trim().split("\n")).toHaveLength(1);
  });

  test("secrets are files of our own, and no log has them", async () => {
    const { key, password } = JSON.parse(await readFile(join(home, "first-chain.json"), "utf8"));
    for (const file of [
      "first-chain.json",
      "operator.json",
      "kek",
      "sessions.key",
      "database-roles.json",
      "postgres.password",
    ]) {
      expect((await stat(join(home, file))).mode & 0o077, file).toBe(0);
    }
    for (const name of ["api", "worker", "gateway"]) {
      const log = await readFile(join(home, "logs", `${name}.log`), "utf8");
      expect(log).not.toContain(key.secret);
      expect(log).not.toContain(password);
    }
  });

  test("the second start finds the chain's state; a start beside it is told so", async () => {
    const start = begin(home, ports);
    await start.ready();
    expect(start.err()).toContain("first chain answers");
    expect(start.err()).not.toContain("token contract deployed");
    expect(Number(await rpc(url, "eth_blockNumber"))).toBeGreaterThanOrEqual(height);

    const beside = begin(home, ports);
    expect(await beside.ended()).toBe(1);
    expect(beside.out()).toBe("");
    expect(beside.err()).toMatch(/already runs here \(pid \d+\): API http:\/\/127\.0\.0\.1:\d+/);

    // The supervisor itself: a child of the script that npm calls.
    const lock = JSON.parse(await readFile(join(home, "up.lock"), "utf8"));
    const nodes = () => processesOf(home).filter(({ placementId }) => placementId !== undefined);
    const anvil = nodes().map(({ pid }) => pid);
    process.kill(lock.pid, "SIGKILL");
    await start.ended();
    expect(names(home)).toContain("postgres");

    const again = begin(home, ports);
    await again.ready();
    expect(again.err()).toContain("found running");
    expect(Number(await rpc(url, "eth_blockNumber"))).toBeGreaterThanOrEqual(height);
    expect(nodes().map(({ pid }) => pid)).toEqual(anvil);
    // To the whole group: the supervisor gets it twice, and it is one wish to stop.
    process.kill(-(again.child.pid ?? 0), "SIGINT");
    expect(await again.ended()).toBe(0);
    expect(again.err()).toContain("Stopping");
    expect(again.err()).not.toMatch(/Hurrying|was killed/);
    expect(await untilNoProcess(home, 10_000)).toEqual([]);
  });

  test("a damaged operator.json and a lost key stop the start with what to do; put back, all is as before", async () => {
    const operator = await readFile(join(home, "operator.json"));
    await writeFile(join(home, "operator.json"), '{"email"');
    const damaged = begin(home, ports);
    expect(await damaged.ended()).toBe(1);
    expect(JSON.parse(damaged.err().trim().split("\n").at(-1) ?? "")).toMatchObject({
      message: expect.stringContaining(`${join(home, "operator.json")} is damaged`),
      hint: expect.stringContaining("backup"),
    });
    await writeFile(join(home, "operator.json"), operator);

    const key = await readFile(join(home, "kek"));
    await rm(join(home, "kek"));
    const keyless = begin(home, ports);
    expect(await keyless.ended()).toBe(1);
    expect(JSON.parse(keyless.err().trim().split("\n").at(-1) ?? "")).toMatchObject({
      code: "custody.unavailable",
      message: expect.stringContaining(`${join(home, "kek")} is gone`),
      hint: expect.stringContaining("backup"),
    });
    await expect(stat(join(home, "kek"))).rejects.toThrow("ENOENT");
    expect(await untilNoProcess(home, 10_000)).toEqual([]);

    await writeFile(join(home, "kek"), key, { mode: 0o600 });
    const whole = begin(home, ports);
    await whole.ready();
    expect(whole.err()).toContain("1 chain is being started");
    expect(Number(await rpc(url, "eth_blockNumber"))).toBeGreaterThanOrEqual(height);
    whole.child.kill("SIGTERM");
    expect(await whole.ended()).toBe(0);
    expect(await untilNoProcess(home, 10_000)).toEqual([]);
  });
});

describe("what stands in the way is a sentence", () => {
  const setUp = async () => {
    const home = await newHome();
    onTestFinished(() => discard(home));
    return { home, ports: { api: await freePort(), gateway: await freePort() } };
  };

  test("a taken port: which, and the variable that moves it; nothing half started stays", async () => {
    const { home, ports } = await setUp();
    const server = createServer().listen(ports.gateway, "127.0.0.1");
    onTestFinished(() => void server.close());
    const start = begin(home, ports, ["--bare"]);
    expect(await start.ended()).toBe(1);
    expect(start.err()).toContain(`Port ${ports.gateway} for the gateway is taken`);
    expect(start.err()).toContain("PORTOLAN_GATEWAY_PORT");
    expect(await readdir(home)).toEqual([]);
    expect(await untilNoProcess(home, 10_000)).toEqual([]);
  });

  test("a first start that was cut off at any moment is taken up by the next", async () => {
    const { home, ports } = await setUp();
    for (const afterMs of [400, 1_200, 2_500]) {
      const start = begin(home, ports, ["--bare"]);
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      killNow(processesOf(home).map(({ pid }) => pid));
      start.child.kill("SIGKILL");
      await start.ended();
      await untilNoProcess(home, 30_000);
    }
    const last = begin(home, ports, ["--bare"]);
    await last.ready();
    last.child.kill("SIGINT");
    expect(await last.ended()).toBe(0);
    expect(await untilNoProcess(home, 10_000)).toEqual([]);
  });

  test("a first chain that was cut off is taken up, and everything of it is made once", async () => {
    const { home, ports } = await setUp();
    for (const step of ["tenant", "key", "chain"]) {
      const start = begin(home, ports);
      await until(`the step ${step}`, async () => new RegExp(`^ {2}${step} `, "m").test(start.err()), {
        timeoutMs: 180_000,
        everyMs: 2,
      });
      killNow(processesOf(home).map(({ pid }) => pid));
      await start.ended();
      await untilNoProcess(home, 30_000);
    }
    const last = begin(home, ports);
    const { api } = await last.ready();
    expect(last.err()).toContain("totalSupply() = 1000000 PQT");
    const record = JSON.parse(await readFile(join(home, "first-chain.json"), "utf8"));
    const client = createPortolan({ baseUrl: api, validate: true });
    const { token = "" } = await client.sessions.create({ body: { email: record.email, password: record.password } });
    client.setCredential({ token });
    expect((await client.apps.list()).items).toHaveLength(1);
    expect((await client.chains.list()).items.map(({ id }) => id)).toEqual([record.chainId]);
    const keys = await client.keys.list({ params: { app: record.appId } });
    expect(keys.items.filter((key) => key.revokedAt === null).map(({ id }) => id)).toEqual([record.key.id]);
    last.child.kill("SIGINT");
    expect(await last.ended()).toBe(0);
    expect(await untilNoProcess(home, 10_000)).toEqual([]);
  });

  test("a second Ctrl-C hurries, and still leaves nothing behind", async () => {
    const { home, ports } = await setUp();
    const start = begin(home, ports, ["--bare"]);
    await start.ready();
    const lock = JSON.parse(await readFile(join(home, "up.lock"), "utf8"));
    // A part that does not end by itself, so that there is something to hurry.
    process.kill(processesOf(home).find(({ name }) => name === "gateway")?.pid ?? 0, "SIGSTOP");
    start.child.kill("SIGINT");
    await until("it stops", async () => start.err().includes("Stopping"), { everyMs: 1 });
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    process.kill(lock.pid, "SIGINT");
    expect(await start.ended()).toBe(0);
    expect(start.err()).toContain("Hurrying");
    expect(await untilNoProcess(home, 10_000)).toEqual([]);
  });

  test("Ctrl-C while it starts stops what has started", async () => {
    const { home, ports } = await setUp();
    const start = begin(home, ports, ["--bare"]);
    await until("Postgres runs", async () => names(home).includes("postgres"), { timeoutMs: 180_000 });
    start.child.kill("SIGINT");
    expect(await start.ended()).toBe(0);
    expect(await untilNoProcess(home, 10_000)).toEqual([]);
  });
});
