import { join } from "node:path";
import { z } from "zod";
import type { LoadedDriver, RuntimeDriver } from "../driver.ts";
import { createProcessRuntime } from "./process-runtime.ts";

const settings = z.strictObject({});

type Settings = z.output<typeof settings>;

const loaded: LoadedDriver<Settings> = {
  create: (_settings, { home, clock, log, programs }) =>
    createProcessRuntime({ home: join(home, "nodes"), clock, log, programs }),
  async *check() {
    yield {
      check: "programs",
      state: "note",
      message: "its nodes are programs of the worker's machine, and keep tenants apart in nothing",
      fix: "portolan doctor, on that machine",
    };
  },
};

/** Programs of the worker's own machine. */
export const processDriver: RuntimeDriver<Settings> = {
  settings,
  flags: [{ flag: "--processes", description: "programs of the worker's own machine" }],
  fromFlags: (values) => (values["processes"] === true ? {} : undefined),
  load: async () => loaded,
};
