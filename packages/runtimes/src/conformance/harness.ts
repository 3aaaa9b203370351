import { setTimeout as sleep } from "node:timers/promises";
import type { Blueprint, NodeObservation } from "@portolan/domain";
import type { Fence, PlacementRef, Runtime } from "../runtime.ts";
import { secrets } from "./blueprints.ts";

/** What a driver offers so that the suite can be run on it. */
export interface ConformanceHarness {
  /** A new instance of the driver over the same place, as another worker would have it. */
  open(options?: { checkpoint?: (name: string) => void | Promise<void> }): Runtime;
  /** Ends one program the hard way, from outside. */
  kill(placement: PlacementRef, node: string, process: string): Promise<void>;
  /** How many programs (or pods) run of a placement, seen from outside the driver. */
  countPrograms(placement: PlacementRef, node?: string, process?: string): Promise<number>;
  /** Command lines of what runs of a placement. */
  commandLines(placement: PlacementRef): Promise<string[]>;
  /** How soon a killed program must be noticed; 1500 ms unless told. */
  noticeMs?: number;
  /** How many of the suite's crashes may happen side by side; one unless told. */
  crashesAtOnce?: number;
  /** Every how many of a driver's side effects one crashes; each unless told. */
  crashEvery?: number;
  close(): Promise<void>;
}

export class InjectedCrash extends Error {
  constructor(at: string) {
    super(`crash at ${at}`);
    this.name = "InjectedCrash";
  }
}

const patienceMs = 60_000;

export const until = async <T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> => {
  const end = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`never seen: ${what}`);
    await sleep(15);
  }
};

/** Applies, as a reconciler does, until all nodes of the blueprint run. */
export const converge = (
  runtime: Runtime,
  placement: PlacementRef,
  blueprint: Blueprint,
  fence: Fence,
): Promise<NodeObservation[]> =>
  until("all nodes running", async () => {
    await runtime.apply(placement, blueprint, secrets, fence);
    const { nodes } = await runtime.observe(placement);
    const isUp = nodes.length === blueprint.nodes.length && nodes.every(({ state }) => state === "running");
    return isUp && [...nodes];
  });

export interface Echo {
  name: string;
  pid: number;
  /** Another one after each start: process ids may be the same. */
  run: string;
  uid: number | null;
  secretEnv?: string;
  secretFile?: string;
  secretMode?: number;
  /** What lies in the directory that it was given, at any depth. */
  files?: { path: string; mode: number; text?: string }[];
  directory?: string;
  rootFiles?: string[];
  environment: string[];
}

const get = async (
  runtime: Runtime,
  placement: PlacementRef,
  node: string,
  path: string,
  port: string,
): Promise<string> => {
  const target = await runtime.dial(placement, node, port);
  const response = await fetch(`http://${target.host}:${target.port}${path}`);
  return response.text();
};

export const askEcho = async (runtime: Runtime, placement: PlacementRef, node: string, port = "http"): Promise<Echo> =>
  JSON.parse(await get(runtime, placement, node, "/", port)) as Echo;

/** What happened to a node's data directory, a line for each start, stop, init command and job. */
export const eventsOf = async (runtime: Runtime, placement: PlacementRef, node: string): Promise<string[]> =>
  (await get(runtime, placement, node, "/?file=events", "http")).trim().split("\n");

export const say = (runtime: Runtime, placement: PlacementRef, node: string, line: string): Promise<string> =>
  get(runtime, placement, node, `/say?line=${encodeURIComponent(line)}`, "http");

export const countOf = (events: readonly string[], beginning: string): number =>
  events.filter((event) => event.startsWith(beginning)).length;
