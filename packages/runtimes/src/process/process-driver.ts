import { join } from "node:path";
import { z } from "zod";
import type { RuntimeDriver } from "../driver.ts";
import { createProcessRuntime } from "./process-runtime.ts";

const settings = z.strictObject({});

/** Programs of the worker's own machine. */
export const processDriver: RuntimeDriver<z.output<typeof settings>> = {
  settings,
  create: (_settings, { home, clock, log, programs }) =>
    createProcessRuntime({ home: join(home, "nodes"), clock, log, programs }),
  flags: [{ flag: "--processes", description: "programs of the worker's own machine" }],
  fromFlags: (values) => (values["processes"] === true ? {} : undefined),
  async *check() {
    yield {
      check: "programs",
      state: "note",
      message: "its nodes are programs of the worker's machine, and keep tenants apart in nothing",
      fix: "portolan doctor, on that machine",
    };
  },
};
