import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import {
  createEmbeddedPostgres,
  type EmbeddedPostgres,
  findSystemUser,
  prepareHome,
  runSql,
  usableHome,
} from "../src/index.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function makeHome({
  isDurable = false,
} = {}): Promise<{ home: string; dataDir: string; server: EmbeddedPostgres; lines: string[] }> {
  const home = await mkdtemp(join(tmpdir(), "portolan-embedded-"));
  await prepareHome(home);
  const dataDir = join(home, "postgres");
  const lines: string[] = [];
  const server = createEmbeddedPostgres({ dataDir, isDurable, log: (line) => lines.push(line) });
  cleanups.push(async () => {
    await server.stop({ graceMs: 2_000 });
    await rm(home, { recursive: true, force: true });
  });
  return { home, dataDir, server, lines };
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test("starts, is adopted by the next starter, stops; keeps its port, password and data", async () => {
  const { dataDir, server, lines } = await makeHome();
  const first = await server.start();
  await runSql(first.superuserUrl(), "create table kept as select 1 as n");

  // Another object stands for our next process: it knows nothing but the directory.
  const next = createEmbeddedPostgres({ dataDir });
  const adopted = await next.start();
  expect(adopted).toMatchObject({ pid: first.pid, port: first.port, isAdopted: true });
  expect(await next.stop()).toBe("stopped");
  expect(isAlive(first.pid)).toBe(false);
  expect(await server.stop()).toBe("notRunning");

  const again = await server.start();
  expect(again).toMatchObject({ port: first.port, isAdopted: false });
  expect(again.superuserUrl()).toBe(first.superuserUrl());
  await runSql(again.superuserUrl(), async (query) => {
    expect(await query("select n from kept")).toEqual([{ n: 1 }]);
    expect(await query("show server_encoding")).toEqual([{ server_encoding: "UTF8" }]);
    expect(await query("show listen_addresses")).toEqual([{ listen_addresses: "127.0.0.1" }]);
    expect(await query("show unix_socket_directories")).toEqual([{ unix_socket_directories: "" }]);
  });
  expect(lines.filter((line) => line.startsWith("made a new database"))).toHaveLength(1);
});

test("its secrets are readable by us alone, and no password is in its arguments", async () => {
  const { dataDir, server } = await makeHome();
  const { pid, superuserUrl } = await server.start();
  const password = new URL(superuserUrl()).password;
  expect(password.length).toBeGreaterThanOrEqual(40);
  for (const beside of [".password", ".json", ".log"]) {
    expect((await stat(`${dataDir}${beside}`)).mode & 0o077, beside).toBe(0);
  }
  expect((await stat(dataDir)).mode & 0o077).toBe(0);
  expect(await readdir(join(dataDir, ".."))).toEqual([
    "postgres",
    "postgres.json",
    "postgres.log",
    "postgres.password",
  ]);
  if (process.platform === "linux") {
    expect(await readFile(`/proc/${pid}/cmdline`, "utf8")).not.toContain(password);
    const user = await findSystemUser();
    if (user !== undefined) expect((await stat(`/proc/${pid}`)).uid).toBe(user.uid);
  }
  const wrong = new URL(superuserUrl());
  wrong.password = "wrong";
  await expect(runSql(wrong.href, "select 1")).rejects.toThrow(/password authentication failed/);
});

test("recovers after kill -9, with every committed row, while a server process is still busy", async () => {
  const { server } = await makeHome({ isDurable: true });
  const first = await server.start();
  await runSql(first.superuserUrl(), "create table kept as select 1 as n");
  // A backend that computes does not notice its postmaster's death, and holds the shared memory.
  const busy = runSql(first.superuserUrl(), "do $$ begin loop end loop; end $$").catch(() => "ended");
  await sleep(100);
  let isGone = false;
  const unwatch = server.watch(() => {
    isGone = true;
  });
  process.kill(first.pid, "SIGKILL");
  await expect.poll(() => isGone).toBe(true);
  unwatch();
  const again = await server.start();
  expect(again).toMatchObject({ port: first.port, isAdopted: false });
  expect(again.pid).not.toBe(first.pid);
  await runSql(again.superuserUrl(), async (query) => {
    expect(await query("select n from kept")).toEqual([{ n: 1 }]);
  });
  expect(await busy).toBe("ended");
});

test("a pid file whose pid now belongs to a stranger is cleared, and the stranger left alone", async () => {
  const { dataDir, server, lines } = await makeHome();
  const { port } = await server.start();
  await server.stop();
  const user = await findSystemUser();
  // Of Postgres' own account where we are root: postgres itself would refuse to start beside such a pid.
  const stranger = spawn("sleep", ["600"], user === undefined ? {} : { uid: user.uid, gid: user.gid });
  cleanups.push(async () => stranger.kill());
  await writeFile(`${dataDir}/postmaster.pid`, `${stranger.pid}\n${dataDir}\n1\n${port}\n\n127.0.0.1\n1 1\nready   \n`);
  expect(await server.stop()).toBe("notRunning");
  expect((await server.start()).isAdopted).toBe(false);
  expect(stranger.pid !== undefined && isAlive(stranger.pid)).toBe(true);
  expect(lines).toContain(`postmaster.pid named process ${stranger.pid}, which is not Postgres: cleared`);
});

test("a data directory that was half made is cleared and made anew", async () => {
  const { home, dataDir, server } = await makeHome();
  await mkdir(`${dataDir}.partial-1/base`, { recursive: true });
  await writeFile(`${dataDir}.partial-1/PG_VERSION`, "18\n");
  await mkdir(dataDir);
  await server.start();
  expect((await readdir(home)).join()).not.toContain("partial");
});

test("a start that is killed in the middle of initdb is followed by one that works", async () => {
  const { home, dataDir, server } = await makeHome();
  const entry = new URL("../src/index.ts", import.meta.url).href;
  const script = `import { createEmbeddedPostgres } from ${JSON.stringify(entry)};
    await createEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)} }).start();`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "ignore" });
  const isAtWork = async () => (await readdir(home)).some((name) => name.includes("partial"));
  await expect.poll(isAtWork, { interval: 5, timeout: 60_000 }).toBe(true);
  await sleep(50);
  child.kill("SIGKILL");
  await server.start();
  // What the orphaned initdb goes on writing is cleared by the first start after its end.
  const afterAnotherStart = async () => {
    await server.stop();
    await server.start();
    return (await readdir(home)).sort();
  };
  await expect
    .poll(afterAnotherStart, { interval: 1_000, timeout: 60_000 })
    .toEqual(["postgres", "postgres.json", "postgres.log", "postgres.password"]);
});

test("another port is taken when someone sits on ours, and kept from then on", async () => {
  const { server } = await makeHome();
  const first = await server.start();
  await server.stop();
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(first.port, "127.0.0.1", resolve));
  const second = await server.start();
  expect(second.port).not.toBe(first.port);
  await server.stop();
  await new Promise((resolve) => squatter.close(resolve));
  expect((await server.start()).port).toBe(second.port);
});

test("two starters at once have one server", async () => {
  const { dataDir, server } = await makeHome();
  const found = await Promise.all([server.start(), createEmbeddedPostgres({ dataDir }).start()]);
  expect(found[0].pid).toBe(found[1].pid);
  expect(found.map(({ isAdopted }) => isAdopted).sort()).toEqual([false, true]);
});

test("someone else's files, another version and a lost password are refused in a sentence", async () => {
  const { dataDir, server } = await makeHome();
  await mkdir(dataDir);
  await writeFile(`${dataDir}/letter.txt`, "dear");
  await expect(server.start()).rejects.toMatchObject({
    code: "postgres.notOurDirectory",
    message: `${dataDir} holds files, but no Postgres database.`,
  });
  expect(await readFile(`${dataDir}/letter.txt`, "utf8")).toBe("dear");
  await writeFile(`${dataDir}/PG_VERSION`, "17\n");
  await expect(server.start()).rejects.toMatchObject({
    code: "postgres.versionMismatch",
    message: `The database in ${dataDir} is PostgreSQL 17; this release of Portolan carries PostgreSQL 18.`,
  });
  await writeFile(`${dataDir}/PG_VERSION`, "18\n");
  await rm(`${dataDir}.password`, { force: true });
  await expect(server.start()).rejects.toMatchObject({ code: "postgres.passwordMissing" });
});

test("a home below a directory that Postgres' account can't enter is moved, by the path alone", async () => {
  const user = await findSystemUser();
  const closed = await mkdtemp(join(tmpdir(), "portolan-closed-"));
  cleanups.push(() => rm(closed, { recursive: true, force: true }));
  await chmod(closed, 0o700);
  const wished = join(closed, "clone", ".portolan");
  const found = await usableHome(wished);
  if (user === undefined) {
    expect(found).toEqual({ path: wished });
    return;
  }
  expect(found.path).toMatch(/^\/var\/lib\/portolan\/home-[0-9a-f]{16}$/);
  expect(found.notice).toContain(`may not enter ${closed}`);
  expect((await usableHome(wished)).path).toBe(found.path);
  expect((await usableHome(`${wished}2`)).path).not.toBe(found.path);
  await chmod(closed, 0o711);
  expect(await usableHome(wished)).toEqual({ path: wished });
  // A home that was made too closed by hand is said, not worked around.
  await chmod(closed, 0o700);
  await expect(createEmbeddedPostgres({ dataDir: join(wished, "postgres") }).start()).rejects.toMatchObject({
    code: "postgres.noPermission",
  });
});
