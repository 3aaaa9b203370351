#!/usr/bin/env node
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readCliConfig } from "./config.ts";
import { createProfileStore } from "./profile.ts";
import { run } from "./run.ts";

// `portolan chains list | head` closes the pipe early, and a closed terminal refuses every line: neither is a failure of
// ours, and a supervisor that ended of it would not stop its processes in order.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);

process.exitCode = await run(process.argv.slice(2), {
  screen: { out: process.stdout, err: process.stderr },
  stdin: process.stdin,
  loadConfig: readCliConfig,
  openProfile: createProfileStore,
  root: resolve(fileURLToPath(new URL("../../..", import.meta.url))),
});
