// The first script that npm calls: plain JavaScript, no dependency, any Node from 20 on. It makes the checkout ready
// (packages from the lockfile, the generated database client) and hands over to the Node 24 that the packages bring.
//
//   node scripts/with-node.mjs <script> [arguments…]
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { constants as osConstants } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const at = (...parts) => path.join(root, ...parts);
const oldestNode = 20;
const wantedNode = 24;
const installLock = at(".install.lock");
const installLog = at("npm-install.log");

/** A failure that the reader can act on: printed without a stack. */
class Advice extends Error {}

const major = () => Number(process.versions.node.split(".")[0]);
const say = (line) => process.stderr.write(`portolan: ${line}\n`);
const readJson = (file) => JSON.parse(readFileSync(file, "utf8"));

function checkHostNode() {
  if (major() < oldestNode) {
    throw new Advice(
      `this is Node ${process.versions.node}; install Node ${oldestNode} or newer (https://nodejs.org) and run the command again.`,
    );
  }
}

// ---- packages -------------------------------------------------------------------------------------------------------

/** Whether an entry of the lockfile belongs on this machine. */
function fitsHere(entry, libc) {
  const allows = (list, value) => !list || (list.includes(value) && !list.includes(`!${value}`));
  return allows(entry.os, process.platform) && allows(entry.cpu, process.arch) && allows(entry.libc, libc);
}

/** This machine's C library, as npm judged it: that of the packages it chose. */
const installedLibc = (installed) => Object.values(installed).find((entry) => entry.libc)?.libc[0];

const lockHash = () =>
  createHash("sha256")
    .update(readFileSync(at("package-lock.json")))
    .digest("hex");

/**
 * `missing`: nothing usable is there. `stale`: something else than the lockfile says is there. Content is compared, not
 * file times, which a clone, a copy or a checkout sets as it likes.
 */
function packagesState() {
  const installedFile = at("node_modules", ".package-lock.json");
  if (!existsSync(installedFile)) return "missing";
  const stamp = at("node_modules", ".portolan-lock");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lockHash()) return "ready";
  const wanted = readJson(at("package-lock.json")).packages;
  const installed = readJson(installedFile).packages;
  const libc = installedLibc(installed);
  for (const [key, entry] of Object.entries(wanted)) {
    if (!key.startsWith("node_modules/")) continue;
    const found = installed[key];
    if (found) {
      if (found.version !== entry.version) return "stale";
      continue;
    }
    const isTopLevel = key.lastIndexOf("node_modules/") === 0;
    const isPlatformPackage = isTopLevel && (entry.os || entry.cpu) && fitsHere(entry, libc);
    if (entry.optional ? isPlatformPackage : !entry.peer) return "stale";
  }
  return "ready";
}

function checkWritable() {
  try {
    accessSync(root, constants.W_OK);
    if (existsSync(at("node_modules"))) accessSync(at("node_modules"), constants.W_OK);
  } catch {
    throw new Advice(
      `no permission to write in ${root}; run as the user who owns it, or clone to a directory of your own.`,
    );
  }
}

const withBinFirst = () => ({
  ...process.env,
  PATH: `${at("node_modules", ".bin")}${path.delimiter}${process.env.PATH ?? ""}`,
});

/** npm by the path it told us, else the one on the PATH. Output goes to a log: on success nobody wants to read it. */
function npm(args, node = process.execPath) {
  const cli = process.env.npm_execpath;
  const viaNode = cli?.endsWith(".js");
  const [command, first] = viaNode ? [node, [cli]] : ["npm", []];
  const result = spawnSync(command, [...first, ...args, "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    encoding: "utf8",
    env: withBinFirst(),
    shell: !viaNode && process.platform === "win32",
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.error?.code === "ENOENT") throw new Advice("npm is not on the PATH; install it with Node and run again.");
  if (result.error) throw result.error;
  if (result.signal) throw new Advice(`npm ${args[0]} was stopped by ${result.signal}; run the command again.`);
  if (result.status === 0) return;
  const output = `${result.stdout}\n${result.stderr}`;
  writeFileSync(installLog, output);
  throw new Advice(`npm ${args[0]} failed. ${npmAdvice(output)}\n${excerpt(output)}\nAll of it: ${installLog}`);
}

function npmAdvice(output) {
  if (/\b(EACCES|EPERM|EROFS)\b/.test(output))
    return "A directory may not be written: look at its owner, then run again.";
  if (/\b(ENOSPC)\b/.test(output)) return "The disk is full: free about 2 GB, then run again.";
  if (
    /\b(EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT|ENOTCACHED)\b/.test(output)
  ) {
    return "The package registry can't be reached: check the network, a proxy or `npm config get registry`, then run again.";
  }
  if (/EUSAGE|can only install packages when/.test(output)) {
    return "package.json and package-lock.json disagree: run `npm install` and commit the lockfile.";
  }
  return "Its last lines:";
}

/** The last lines that say something: npm ends a refusal with its own help text. */
const excerpt = (output) =>
  output
    .split(/^.*Clean install a project.*$/m)[0]
    .split("\n")
    .map((line) => line.replace(/^npm (error|ERR!)\s*/, ""))
    .filter((line) => line.trim() !== "" && !/Unknown (user|env) config|A complete log/.test(line))
    .slice(-8)
    .map((line) => `  ${line}`)
    .join("\n");

/**
 * Install scripts are the usual way in for a bad package, and older npm runs them all: none runs here, except those
 * that package.json's `allowScripts` names.
 */
function installPackages(state) {
  const isFirst = state === "missing";
  say(isFirst ? "installing packages from the lockfile (first time: about a minute)…" : "packages changed, updating…");
  const startedAt = Date.now();
  // In place when something is there: `npm ci` would pull the directory away from under a plane that runs from it.
  npm(isFirst ? ["ci", "--ignore-scripts"] : ["install", "--no-save", "--ignore-scripts"]);
  // An older Node's npm leaves out optional packages that ask for a newer one; the packaged Node's npm adds them.
  const node = packagedNode();
  if (major() < wantedNode && node) npm(["install", "--no-save", "--ignore-scripts"], node);
  const allowed = Object.entries(readJson(at("package.json")).allowScripts ?? {})
    .filter(([name, isAllowed]) => isAllowed && existsSync(at("node_modules", ...name.split("/"))))
    .map(([name]) => name);
  if (allowed.length > 0) npm(["rebuild", ...allowed]);
  writeFileSync(at("node_modules", ".portolan-lock"), lockHash());
  rmSync(installLog, { force: true });
  say(`packages ready in ${((Date.now() - startedAt) / 1000).toFixed(0)} s.`);
}

// ---- the database client ---------------------------------------------------------------------------------------------

const generatedDir = at("packages", "store", "src", "generated");
const schemaFile = at("prisma", "schema.prisma");
const generatedStamp = path.join(generatedDir, ".schema-hash");

function schemaHash() {
  const version = readJson(at("node_modules", "prisma", "package.json")).version;
  return createHash("sha256").update(version).update(readFileSync(schemaFile)).digest("hex");
}

function isClientReady() {
  if (!existsSync(schemaFile)) return true;
  const client = path.join(generatedDir, "client.ts");
  if (!existsSync(client)) return false;
  if (existsSync(generatedStamp)) return readFileSync(generatedStamp, "utf8") === schemaHash();
  return statSync(client).mtimeMs >= statSync(schemaFile).mtimeMs;
}

function generateClient(node) {
  say("generating the database client…");
  const result = spawnSync(node, [at("node_modules", "prisma", "build", "index.js"), "generate"], {
    cwd: root,
    encoding: "utf8",
    // See prisma.config.ts: `generate` asks for a native engine that it does not use.
    env: {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: node,
      CHECKPOINT_DISABLE: "1",
      PRISMA_HIDE_UPDATE_MESSAGE: "1",
    },
  });
  if (result.status !== 0) {
    throw new Advice(
      `\`prisma generate\` failed:\n${excerpt(`${result.stdout ?? ""}\n${result.stderr ?? result.error}`)}`,
    );
  }
  mkdirSync(generatedDir, { recursive: true });
  writeFileSync(generatedStamp, schemaHash());
}

// ---- one at a time ---------------------------------------------------------------------------------------------------

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** Runs `work` while no other process of this checkout prepares it; a lock whose owner died is taken over. */
function exclusively(work) {
  const deadline = Date.now() + 15 * 60_000;
  let hasSaid = false;
  for (;;) {
    try {
      writeFileSync(installLock, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if (error.code === "EACCES" || error.code === "EROFS" || error.code === "EPERM") checkWritable();
      if (error.code !== "EEXIST") throw error;
    }
    const owner = lockOwner();
    if (owner !== undefined && !isAlive(owner)) {
      takeAway(owner);
      continue;
    }
    if (Date.now() > deadline) {
      throw new Advice(`another install (pid ${owner}) has run for 15 minutes; stop it, or delete ${installLock}.`);
    }
    if (!hasSaid) say(`another install is running (pid ${owner ?? "?"}); waiting for it…`);
    hasSaid = true;
    sleep(200);
  }
  const release = () => {
    if (lockOwner() === process.pid) rmSync(installLock, { force: true });
  };
  const stop = (signal) => {
    release();
    process.exit(128 + (osConstants.signals[signal] ?? 1));
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stop);
  try {
    return work();
  } finally {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.off(signal, stop);
    release();
  }
}

/** The pid in the lock; undefined while its owner is still writing it, or when it is gone. */
function lockOwner() {
  try {
    const text = readFileSync(installLock, "utf8").trim();
    if (/^\d+$/.test(text)) return Number(text);
    // Empty for longer than a write takes: its owner died between creating and writing.
    return Date.now() - statSync(installLock).mtimeMs > 5_000 ? 0x7fffffff : undefined;
  } catch {
    return undefined;
  }
}

/** Renaming first: of two that find the same dead owner only one gets it, and never a fresh lock by mistake. */
function takeAway(owner) {
  if (lockOwner() !== owner) return;
  const aside = `${installLock}.${process.pid}`;
  try {
    renameSync(installLock, aside);
    rmSync(aside, { force: true });
  } catch {
    // Another one was faster.
  }
}

// ---- hand over -------------------------------------------------------------------------------------------------------

/** The Node of the packages for this machine; undefined where there is none. */
function packagedNode() {
  const names = [`node-bin-${process.platform}-${process.arch}`, `node-${process.platform}-${process.arch}`];
  if (process.platform === "win32") names.push(`node-win-${process.arch}`);
  const file = process.platform === "win32" ? "node.exe" : "node";
  return names.map((name) => at("node_modules", name, "bin", file)).find((candidate) => existsSync(candidate));
}

/** Our own Node where it is newer than the packaged one or the packaged one can't run (musl), else the packaged one. */
function chooseNode() {
  const packaged = packagedNode();
  if (packaged) {
    const probe = spawnSync(packaged, ["-p", "process.versions.node"], { encoding: "utf8" });
    if (probe.status === 0) return packaged;
  }
  if (major() >= wantedNode) return process.execPath;
  throw new Advice(
    `no Node ${wantedNode} runs here (${process.platform} ${process.arch}); install Node ${wantedNode} and run the command again.`,
  );
}

function run(node, script, args) {
  const child = spawn(node, [path.resolve(root, script), ...args], {
    stdio: "inherit",
    env: withBinFirst(),
  });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  const forward = (signal) => {
    // Ctrl-C at a terminal reaches the whole process group: the child has it already, and a second one may mean "at once".
    if (signal === "SIGINT" && process.stdin.isTTY) return;
    child.kill(signal);
  };
  for (const signal of signals) process.on(signal, forward);
  child.once("error", (error) => {
    say(`could not start ${node}: ${error.message}`);
    process.exit(1);
  });
  child.once("exit", (code, signal) => {
    for (const each of signals) process.off(each, forward);
    if (signal) process.kill(process.pid, signal);
    process.exitCode = code ?? 1;
  });
}

try {
  checkHostNode();
  const [script, ...args] = process.argv.slice(2);
  if (!script) throw new Advice("usage: node scripts/with-node.mjs <script> [arguments…]");
  if (packagesState() !== "ready") {
    checkWritable();
    exclusively(() => {
      const state = packagesState();
      if (state !== "ready") installPackages(state);
    });
  }
  const node = chooseNode();
  if (!isClientReady()) {
    exclusively(() => {
      if (!isClientReady()) generateClient(node);
    });
  }
  run(node, script, args);
} catch (error) {
  if (!(error instanceof Advice)) throw error;
  say(error.message);
  process.exit(1);
}
