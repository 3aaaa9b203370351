import { execFileSync } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { silentLogger } from "@portolan/kit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  append,
  echoNode,
  newPlacement,
  secrets,
  secretValue,
  serve,
  toBlueprint,
  toSpecs,
} from "../src/conformance/blueprints.ts";
import { askEcho, converge, eventsOf, say, until } from "../src/conformance/harness.ts";
import { createProgramFinder } from "../src/index.ts";
import { listPrograms, makeHome, openRuntime, portsOf } from "./process-harness.ts";

const isRoot = process.getuid?.() === 0;

describe("trouble", () => {
  let home = "";
  const placements: ReturnType<typeof newPlacement>[] = [];
  beforeAll(async () => {
    home = await makeHome();
  });
  afterAll(async () => {
    for (const placement of placements) await openRuntime(home).destroy(placement, { volumes: true, fence: 100n });
    await rm(home, { recursive: true, force: true });
  });
  const place = async (runtime: ReturnType<typeof openRuntime>) => {
    const placement = newPlacement();
    placements.push(placement);
    return { placement, addresses: await runtime.reserve(placement, toSpecs("echo-0"), 1n) };
  };

  it("says which port another program has taken, and goes on when it is free", async () => {
    const runtime = openRuntime(home);
    const { placement, addresses } = await place(runtime);
    const number = addresses[0]?.number ?? 0;
    const foreign = createServer().listen(number, "127.0.0.1");
    await new Promise((resolve) => foreign.once("listening", resolve));
    const blueprint = toBlueprint(placement, [echoNode(addresses, "echo-0")]);
    await runtime.apply(placement, blueprint, secrets, 1n);
    expect((await runtime.observe(placement)).nodes).toMatchObject([
      { state: "failed", reason: "port_taken", hint: expect.stringContaining(String(number)) },
    ]);
    await new Promise((resolve) => foreign.close(resolve));
    await converge(runtime, placement, blueprint, 1n);
    expect((await runtime.observe(placement)).nodes[0]).not.toHaveProperty("reason");
  });

  it("names a missing program with a hint, and leaves what runs alone", async () => {
    const runtime = openRuntime(home);
    const { placement, addresses } = await place(runtime);
    const node = echoNode(addresses, "echo-0");
    await converge(runtime, placement, toBlueprint(placement, [node]), 1n);
    const program = { name: "geth-of-tomorrow", version: "9.9.9", image: "none" };
    const wanted = toBlueprint(placement, [{ ...node, processes: [serve(addresses, "echo-0", { program })] }]);
    await runtime.apply(placement, wanted, secrets, 1n);
    const [seen] = (await runtime.observe(placement)).nodes;
    expect(seen).toMatchObject({
      state: "running",
      incarnation: 1,
      reason: "program_missing",
      hint: expect.stringContaining("geth-of-tomorrow-9.9.9"),
    });
    const fresh = await place(runtime);
    const other = echoNode(fresh.addresses, "echo-0", { processes: [serve(fresh.addresses, "echo-0", { program })] });
    await runtime.apply(fresh.placement, toBlueprint(fresh.placement, [other]), secrets, 1n);
    expect((await runtime.observe(fresh.placement)).nodes).toMatchObject([
      { state: "failed", reason: "program_missing", incarnation: 0 },
    ]);
  });

  it("backs off between restarts, calls it a loop, and forgets after a minute of health", async () => {
    let now = Date.now();
    const runtime = openRuntime(home, { clock: { now: () => new Date(now) } });
    const { placement, addresses } = await place(runtime);
    const blueprint = toBlueprint(placement, [echoNode(addresses, "echo-0")]);
    const observe = async () => (await runtime.observe(placement)).nodes[0];
    await converge(runtime, placement, blueprint, 1n);
    const die = async () => {
      now += 1000;
      const [main] = listPrograms(home, placement.placementId);
      if (main) process.kill(main.pid, "SIGKILL");
      await until("its end", async () => /ended/.test((await observe())?.message ?? ""));
      await runtime.apply(placement, blueprint, secrets, 1n);
    };
    for (const [failures, waitMs] of [250, 500, 1000, 2000].entries()) {
      await die();
      now += waitMs - 1;
      await runtime.apply(placement, blueprint, secrets, 1n);
      expect(await observe()).toMatchObject({ state: "failed", reason: "exited", restarts: failures });
      now += 1 + 1000;
      await converge(runtime, placement, blueprint, 1n);
    }
    await die();
    expect(await observe()).toMatchObject({ state: "failed", reason: "crash_loop" });
    now += 30_000;
    await converge(runtime, placement, blueprint, 1n);
    now += 61_000;
    await die();
    expect(await observe()).toMatchObject({ reason: "exited", restarts: 5 });
    now += 1250;
    await converge(runtime, placement, blueprint, 1n);
  });

  it.runIf(process.platform === "linux")("ends a node that keeps taking twice its memory, and backs off", async () => {
    let now = Date.now();
    const runtime = openRuntime(home, { clock: { now: () => new Date(now) } });
    const { placement, addresses } = await place(runtime);
    const node = echoNode(addresses, "echo-0");
    const script = `const held = Buffer.alloc(300 << 20, 1); console.log("holds", held.length); setInterval(() => held, 1000);`;
    const { probe: _none, ...greedy } = { ...serve(addresses, "echo-0"), args: ["-e", script] };
    const wanted = toBlueprint(placement, [{ ...node, processes: [greedy] }]);
    const observe = async () => (await runtime.observe(placement)).nodes[0];
    const log = join(home, "placements", placement.placementId.replace("_", "-"), "echo-0", "logs", "main.log");
    const apply = () => runtime.apply(placement, wanted, secrets, 1n);
    await apply();
    await until("it holds its memory", async () => (await readFile(log, "utf8")).includes("holds"));
    const [main] = listPrograms(home, placement.placementId);
    expect((await readFile(`/proc/${main?.pid}/oom_score_adj`, "utf8")).trim()).toBe("500");
    // One look is not enough, and asking again at once is no other look.
    for (let index = 0; index < 3; index++) expect(await observe()).toMatchObject({ state: "running" });
    await apply();
    now += 10_000;
    const excess = { state: "failed", reason: "memory_exceeded", hint: expect.stringContaining("plan") };
    expect(await observe()).toMatchObject(excess);
    expect(listPrograms(home, placement.placementId)).toHaveLength(1);
    await apply();
    expect(listPrograms(home, placement.placementId)).toEqual([]);
    expect(await observe()).toMatchObject({ ...excess, restarts: 0, message: expect.stringContaining("128 MiB") });
    now += 249;
    await apply();
    expect(listPrograms(home, placement.placementId)).toEqual([]);
    now += 1;
    await apply();
    expect(await observe()).toMatchObject({ state: "running", restarts: 1, incarnation: 2 });
    // A node within its memory is left alone, however often it is looked at.
    const modest = toBlueprint(placement, [{ ...node, resources: { ...node.resources, memoryBytes: 256 << 20 } }]);
    await converge(runtime, placement, modest, 1n);
    for (let index = 0; index < 3; index++) {
      now += 10_000;
      expect(await observe()).toMatchObject({ state: "running" });
      await runtime.apply(placement, modest, secrets, 1n);
    }
    expect(await observe()).toMatchObject({ state: "running", restarts: 1 });
  });

  it("gives programs neither root nor the worker's environment", async () => {
    process.env["WORKER_SECRET"] = "do-not-inherit";
    const runtime = openRuntime(home);
    const { placement, addresses } = await place(runtime);
    await converge(runtime, placement, toBlueprint(placement, [echoNode(addresses, "echo-0")]), 1n);
    const { uid, environment } = await askEcho(runtime, placement, "echo-0");
    delete process.env["WORKER_SECRET"];
    expect(uid).not.toBe(0);
    expect(environment).not.toContain("WORKER_SECRET");
    const state = await stat(join(home, "placements", placement.placementId.replace("_", "-"), "state.json"));
    expect(state.mode & 0o777).toBe(0o600);
  });

  it.runIf(isRoot)("copies a program that the run user can't reach, and says so when its home is closed", async () => {
    const closed = await mkdtemp("/tmp/portolan-closed-");
    await copyFile(process.execPath, join(closed, "node"));
    await chmod(join(closed, "node"), 0o755);
    const programs = createProgramFinder({ searchPath: closed, bundled: {} });
    const runtime = openRuntime(home, { programs });
    const { placement, addresses } = await place(runtime);
    await converge(runtime, placement, toBlueprint(placement, [echoNode(addresses, "echo-0")]), 1n);
    await runtime.destroy(placement, { volumes: true, fence: 1n });
    const inside = openRuntime(join(closed, "home"), { programs, portRange: portsOf(home) });
    await inside.apply(placement, toBlueprint(placement, [echoNode(addresses, "echo-0")]), secrets, 1n);
    expect((await inside.observe(placement)).nodes).toMatchObject([{ state: "failed", reason: "home_unreachable" }]);
    await rm(closed, { recursive: true });
  });

  it("masks secrets in a dead program's last words, and bounds an init command that hangs", async () => {
    const runtime = openRuntime(home);
    const { placement, addresses } = await place(runtime);
    const script = "console.error('why: ' + process.env.ECHO_SECRET); process.exit(9)";
    const env = { ECHO_SECRET: { secret: { material: "secret", version: 1 } } };
    const { probe: _none, ...dying } = { ...serve(addresses, "echo-0", { env }), args: ["-e", script] };
    const blueprint = toBlueprint(placement, [echoNode(addresses, "echo-0", { processes: [dying] })]);
    const message = await until("its last words", async () => {
      await runtime.apply(placement, blueprint, secrets, 1n);
      return (
        (await runtime.observe(placement)).nodes[0]?.message?.includes("why: ") &&
        JSON.stringify(await runtime.observe(placement))
      );
    });
    expect(message).toContain("code 9");
    expect(message).not.toContain(secretValue);

    const hanging = { ...append("hang", ""), args: ["-e", "setInterval(() => 0, 1000)"], timeoutMs: 300 };
    const before = performance.now();
    await runtime.apply(
      placement,
      toBlueprint(placement, [echoNode(addresses, "echo-0", { init: [hanging] })]),
      secrets,
      1n,
    );
    // It hangs for ever.
    expect(performance.now() - before).toBeLessThan(30_000);
    expect((await runtime.observe(placement)).nodes).toMatchObject([
      { reason: "init_failed", message: expect.stringContaining("300 ms") },
    ]);
    await until("nothing left of it", async () => listPrograms(home, placement.placementId).length === 0);
  });

  it("leaves no child of a program behind", async () => {
    const runtime = openRuntime(home);
    const { placement, addresses } = await place(runtime);
    const script = `const { spawn } = require("node:child_process");
      spawn(process.execPath, ["-e", "setInterval(() => 0, 1000)"]); process.on("SIGTERM", () => process.exit(0));`;
    const fork = { ...serve(addresses, "echo-0"), args: ["-e", script] };
    const { probe: _none, ...process_ } = fork;
    await runtime.apply(
      placement,
      toBlueprint(placement, [echoNode(addresses, "echo-0", { processes: [process_] })]),
      secrets,
      1n,
    );
    await until("two programs", async () => listPrograms(home, placement.placementId).length === 2);
    await until("its handler", async () => {
      await runtime.stop(placement, 1n);
      return listPrograms(home, placement.placementId).length === 0;
    });
  });

  it("ends a program that does not stop in its grace", async () => {
    const runtime = openRuntime(home);
    const { placement, addresses } = await place(runtime);
    const script = `process.on("SIGTERM", () => console.log("no")); console.log("up"); setInterval(() => 0, 1000);`;
    const { probe: _none, ...stubborn } = { ...serve(addresses, "echo-0", { stopGraceMs: 200 }), args: ["-e", script] };
    await runtime.apply(
      placement,
      toBlueprint(placement, [echoNode(addresses, "echo-0", { processes: [stubborn] })]),
      secrets,
      1n,
    );
    const log = join(home, "placements", placement.placementId.replace("_", "-"), "echo-0", "logs", "main.log");
    await until("its handler", async () => (await readFile(log, "utf8")).includes("up"));
    const before = performance.now();
    await runtime.stop(placement, 1n);
    expect(performance.now() - before).toBeGreaterThan(190);
    expect(listPrograms(home, placement.placementId)).toEqual([]);
    expect(await readFile(log, "utf8")).toContain("no");
  });

  it("bounds logs, and reads and follows them across the rotation", async () => {
    const runtime = openRuntime(home, { maxLogBytes: 2000 });
    const { placement, addresses } = await place(runtime);
    const blueprint = toBlueprint(placement, [echoNode(addresses, "echo-0")]);
    await converge(runtime, placement, blueprint, 1n);
    const abort = new AbortController();
    const followed: string[] = [];
    const reading = (async () => {
      for await (const { line } of runtime.logs(placement, "echo-0", { follow: true, signal: abort.signal }))
        followed.push(line);
    })();
    for (let index = 0; index < 100; index++) {
      await say(runtime, placement, "echo-0", `line ${index} ${"x".repeat(30)}`);
      if (index % 20 === 19) await runtime.apply(placement, blueprint, secrets, 1n);
    }
    await until("the last line", async () => followed.some((line) => line.startsWith("line 99 ")));
    abort.abort();
    await reading;
    const directory = join(home, "placements", placement.placementId.replace("_", "-"), "echo-0", "logs");
    expect((await stat(join(directory, "main.log"))).size).toBeLessThan(2500);
    expect((await stat(join(directory, "main.1.log"))).size).toBeLessThan(4500);
    const kept: string[] = [];
    for await (const { line } of runtime.logs(placement, "echo-0", {}))
      kept.push(line.split(" ").slice(0, 2).join(" "));
    const numbers = kept.filter((line) => line.startsWith("line")).map((line) => Number(line.slice(5)));
    expect(numbers.at(-1)).toBe(99);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(new Set(numbers).size).toBe(numbers.length);
    expect((await eventsOf(runtime, placement, "echo-0")).length).toBe(1);
  });

  it.runIf(isRoot)("says that the disk is full, and comes back when it is not", async () => {
    const disk = await mkdtemp("/tmp/portolan-full-");
    try {
      execFileSync("/bin/mount", ["-t", "tmpfs", "-o", "size=4m,mode=755", "tmpfs", disk], { stdio: "ignore" });
    } catch {
      return expect.soft("mount is allowed here").toBeDefined();
    }
    const runtime = openRuntime(disk, { log: silentLogger, portRange: portsOf(home) });
    const placement = newPlacement();
    try {
      const addresses = await runtime.reserve(placement, toSpecs("echo-0"), 1n);
      const blueprint = toBlueprint(placement, [echoNode(addresses, "echo-0")]);
      await writeFile(join(disk, "ballast"), Buffer.alloc(8 << 20)).catch(() => undefined);
      await runtime.apply(placement, blueprint, secrets, 1n);
      expect((await runtime.observe(placement)).nodes).toMatchObject([{ state: "failed", reason: "storage_full" }]);
      // Stopping and removing must work all the same: they are what frees the disk.
      await runtime.stop(placement, 1n);
      await rm(join(disk, "ballast"));
      await converge(runtime, placement, blueprint, 1n);
      await writeFile(join(disk, "ballast"), Buffer.alloc(8 << 20)).catch(() => undefined);
      await runtime.destroy(placement, { volumes: true, fence: 1n });
      expect(await runtime.observe(placement)).toEqual({ nodes: [], volumes: [] });
      expect(listPrograms(disk, placement.placementId)).toEqual([]);
    } finally {
      execFileSync("/bin/umount", ["-l", disk]);
      await rm(disk, { recursive: true });
    }
  });

  it("answers a directory that can't be used with a code, never with an errno", async () => {
    const file = join(home, "a-file");
    await mkdir(home, { recursive: true });
    await writeFile(file, "");
    const runtime = openRuntime(join(file, "home"), { portRange: portsOf(home) });
    await expect(runtime.reserve(newPlacement(), toSpecs("echo-0"), 1n)).rejects.toMatchObject({
      name: "DomainError",
      code: "runtime.failed",
    });
    const bad = { ...newPlacement(), placementId: "../../etc" };
    await expect(openRuntime(home).reserve(bad, toSpecs("echo-0"), 1n)).rejects.toMatchObject({
      code: "runtime.failed",
    });
  });
});
