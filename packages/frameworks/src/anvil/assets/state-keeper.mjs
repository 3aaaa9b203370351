// Keeps the state of one anvil across its restarts: loads the last dump into a fresh anvil, then dumps at an interval.
// anvil can't do it itself, since it refuses `--init` together with `--state`. One file without dependencies, because
// it is shipped into the node as it stands. Run by Node 24, in the same node as anvil and after it:
//   node state-keeper.mjs --rpc http://127.0.0.1:P --host 127.0.0.1 --port Q --directory D --interval-ms 5000
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { Agent, createServer, request } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs, promisify } from "node:util";
import { gunzip } from "node:zlib";

const { values } = parseArgs({
  options: {
    rpc: { type: "string" },
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string" },
    directory: { type: "string" },
    "interval-ms": { type: "string", default: "5000" },
  },
});
const { rpc: rpcUrl, directory } = values;
const intervalMs = Number(values["interval-ms"]);
if (!rpcUrl || !directory || !values.port || !(intervalMs >= 100)) {
  console.error("state-keeper needs --rpc, --port, --directory and an --interval-ms of at least 100");
  process.exit(2);
}

const files = {
  current: join(directory, "state.gz"),
  previous: join(directory, "state.previous.gz"),
  /** The run of anvil that the state was put into: a keeper that restarts alone must not put it there again. */
  loaded: join(directory, "loaded.json"),
};
/** Dumps may take this part of the time at most: anvil answers nobody meanwhile. */
const maxDumpShare = 1 / 20;
/** `anvil_setBalance` and its like make no block, so every so many intervals there is a dump in any case. */
const blindEvery = 3;
const keptAside = 3;

const agent = new Agent({ keepAlive: true });
const stopping = new AbortController();
const status = { loaded: false, instance: null, problem: null, savedAt: null, savedBytes: null };
let isAnvilAlive = false;

/** The results of several calls in one round trip. Throws when anvil can't be reached or answers an error. */
const call = (calls) =>
  new Promise((resolve, reject) => {
    const body = JSON.stringify(calls.map(([method, ...params], id) => ({ jsonrpc: "2.0", id, method, params })));
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const outgoing = request(rpcUrl, { method: "POST", agent, headers }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        try {
          const results = [];
          for (const { id, result, error } of JSON.parse(Buffer.concat(chunks).toString("utf8"))) {
            if (error) throw Object.assign(new Error(error.message), { isAnswer: true });
            results[id] = result;
          }
          resolve(results);
        } catch (error) {
          reject(error);
        }
      });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });

const look = async () => {
  const [metadata, block] = await call([["anvil_metadata"], ["eth_getBlockByNumber", "latest", false]]);
  return { instance: metadata.instanceId, head: block.hash };
};

/** Whole or not at all, also over a loss of power: written aside, flushed, renamed, and the rename flushed. */
const replaceFile = async (path, content, beforeRename = async () => undefined) => {
  const aside = `${path}.new`;
  const file = await open(aside, "w", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await beforeRename();
  await rename(aside, path);
  const folder = await open(directory, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};

const readIfThere = async (path) => {
  try {
    return await readFile(path);
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
};

const rememberLoaded = async (instance) => {
  await replaceFile(files.loaded, JSON.stringify({ instance }));
  status.instance = instance;
  status.loaded = true;
};

const onAnvilGone = () => {
  isAnvilAlive = false;
  status.loaded = false;
  if (stopping.signal.aborted) return;
  // Whatever is known belongs to the run that is gone. The supervisor starts the keeper again after anvil.
  console.error("anvil is gone");
  process.exit(1);
};

/**
 * Opens a WebSocket and leaves it alone: anvil lives as long as it stays open, and it closes at once when the process
 * ends, however it ends. Done by hand, since Node's own WebSocket takes longer to load than all the rest.
 */
const watchAnvil = () =>
  new Promise((resolve) => {
    const headers = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": randomBytes(16).toString("base64"),
    };
    const outgoing = request(rpcUrl, { headers, agent: false });
    outgoing.on("upgrade", (_answer, socket) => {
      isAnvilAlive = true;
      socket.on("error", () => undefined);
      socket.on("close", onAnvilGone);
      socket.resume();
      resolve(true);
    });
    outgoing.on("response", () => outgoing.destroy());
    outgoing.on("error", () => resolve(false));
    outgoing.on("close", () => resolve(false));
    outgoing.end();
  });

const waitForAnvil = async () => {
  while (!(await watchAnvil())) await delay(20, undefined, { signal: stopping.signal });
};

const putBack = async (dump) => {
  // The checksum inside gzip finds a damaged file before anvil sees any of it.
  await promisify(gunzip)(dump);
  const [isLoaded] = await call([["anvil_loadState", `0x${dump.toString("hex")}`]]);
  if (isLoaded !== true) throw Object.assign(new Error("anvil did not take the state"), { isAnswer: true });
};

/**
 * A fresh anvil's clock begins at the genesis: the next block would be older than its parent. It goes on at the machine's
 * time, or after the last block where that was set ahead.
 */
const setClock = async () => {
  const [block] = await call([["eth_getBlockByNumber", "latest", false]]);
  await call([["evm_setTime", Math.max(Math.floor(Date.now() / 1_000), Number(block.timestamp) + 1)]]);
};

/** Files that could not be read are kept for people to look at, a few of them. */
const keepAside = async (path) => {
  await rename(path, join(directory, `state.unreadable-${Date.now()}.gz`));
  const names = (await readdir(directory)).filter((name) => name.startsWith("state.unreadable-")).sort();
  for (const name of names.slice(0, -keptAside)) await rm(join(directory, name), { force: true });
};

const loadState = async () => {
  const { instance } = await look();
  const remembered = await readIfThere(files.loaded).then((text) => {
    try {
      return text === null ? null : JSON.parse(text.toString("utf8")).instance;
    } catch {
      return null;
    }
  });
  if (remembered === instance) return rememberLoaded(instance);

  const candidates = [];
  for (const path of [files.current, files.previous]) {
    const dump = await readIfThere(path);
    if (dump !== null) candidates.push({ path, dump });
  }
  const unreadable = [];
  for (const { path, dump } of candidates) {
    try {
      await putBack(dump);
    } catch (error) {
      const isDumpAtFault = error.isAnswer || /^Z_|^ERR_BUFFER|^ERR_/.test(error.code ?? "");
      if (!isDumpAtFault) throw error;
      console.error(`a kept state can't be read: ${error.message}`);
      unreadable.push(path);
      continue;
    }
    for (const bad of unreadable) await keepAside(bad);
    console.log(`a kept state of ${dump.length} bytes is loaded`);
    await setClock();
    if (unreadable.length > 0) status.problem = "the newest kept state could not be read; an older one is loaded";
    return rememberLoaded(instance);
  }
  if (candidates.length === 0) {
    console.log("there is no kept state; the chain begins at its genesis");
    return rememberLoaded(instance);
  }
  // Going on would put an empty chain in the place of one that may still be saved by hand.
  status.problem = "no kept state can be read; the files are left as they are";
  return undefined;
};

const last = { head: null, digest: null, blind: 0 };

/** Answers how long the dump took, in ms. */
const save = async (head) => {
  const startedAt = performance.now();
  const [hex] = await call([["anvil_dumpState"]]);
  const tookMs = performance.now() - startedAt;
  const dump = Buffer.from(hex.slice(2), "hex");
  const digest = createHash("sha256").update(dump).digest("hex");
  if (digest !== last.digest) {
    await replaceFile(files.current, dump, async () => {
      // The former dump steps back only once the new one is safely on the disk.
      if (existsSync(files.current)) await rename(files.current, files.previous);
    });
  }
  if (status.savedAt === null) console.log(`the state is kept from now on (${dump.length} bytes)`);
  Object.assign(last, { head, digest, blind: 0 });
  Object.assign(status, { savedAt: new Date().toISOString(), savedBytes: dump.length });
  return tookMs;
};

/** A reset makes a new instance of the same process: what it left behind is now the state to keep. */
const follow = async () => {
  const seen = await look();
  if (isAnvilAlive && status.loaded && seen.instance !== status.instance) await rememberLoaded(seen.instance);
  return seen;
};

const tick = async () => {
  const { head } = await follow();
  last.blind += 1;
  return head !== last.head || last.blind >= blindEvery ? save(head) : 0;
};

const keep = async () => {
  let pauseMs = intervalMs;
  while (!stopping.signal.aborted) {
    try {
      await delay(pauseMs, undefined, { signal: stopping.signal });
    } catch {
      return;
    }
    if (!status.loaded) continue;
    const tookMs = await tick();
    pauseMs = Math.max(intervalMs, tookMs / maxDumpShare);
  }
};

const server = createServer(async (incoming, answer) => {
  if (incoming.method !== "GET" || incoming.url !== "/status") return answer.writeHead(404).end();
  if (status.loaded) await follow().catch(() => undefined);
  answer.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(status));
});

const run = async () => {
  await waitForAnvil();
  await loadState();
  await keep();
  // Only a state that is whole may replace the kept one.
  if (status.loaded && isAnvilAlive) {
    await save(null);
    console.log(`stopping; the last state of ${status.savedBytes} bytes is kept`);
  }
};

for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => stopping.abort());
await mkdir(directory, { recursive: true });
server.listen(Number(values.port), values.host);
server.on("error", (error) => {
  console.error(`can't listen: ${error.message}`);
  process.exit(1);
});
run().then(
  () => process.exit(0),
  (error) => {
    if (stopping.signal.aborted && error.name === "AbortError") process.exit(0);
    console.error(error.message);
    process.exit(1);
  },
);
