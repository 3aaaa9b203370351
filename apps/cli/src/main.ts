#!/usr/bin/env node
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readCliConfig } from "./config.ts";
import { createProfileStore } from "./profile.ts";
import { run } from "./run.ts";

// `portolan chains list | head` closes the pipe early: that is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

process.exitCode = await run(process.argv.slice(2), {
  screen: { out: process.stdout, err: process.stderr },
  stdin: process.stdin,
  loadConfig: readCliConfig,
  openProfile: createProfileStore,
  root: resolve(fileURLToPath(new URL("../../..", import.meta.url))),
});
