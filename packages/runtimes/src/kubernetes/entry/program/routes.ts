import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";

/** Where connections to a name go, or to a number of the entry's. */
export type Route = ({ serverName: string } | { number: number }) & { host: string; port: number };

/** What a route is found by; a name has no colon. */
export const keyOf = (route: Route): string => ("number" in route ? keyOfNumber(route.number) : route.serverName);

export const keyOfNumber = (number: number): string => `:${number}`;

const isPort = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value > 0 && value < 65_536;

const isRoute = (value: unknown): value is Route =>
  typeof value === "object" &&
  value !== null &&
  ("number" in value ? isPort(value.number) : "serverName" in value && typeof value.serverName === "string") &&
  "host" in value &&
  typeof value.host === "string" &&
  "port" in value &&
  isPort(value.port);

/** What tells whether a directory has changed: the link that the kubelet turns when it lays another version there. */
const versionOf = (directory: string): string => {
  try {
    return readlinkSync(join(directory, "..data"));
  } catch {
    const names = readdirSync(directory).sort();
    return names.map((name) => `${name}:${statSync(join(directory, name)).mtimeMs}`).join();
  }
};

const readAll = (directory: string): Map<string, Route> => {
  const routes = new Map<string, Route>();
  const names = readdirSync(directory).filter((name) => name.endsWith(".json"));
  for (const name of names.sort()) {
    const list: unknown = JSON.parse(readFileSync(join(directory, name), "utf8"));
    if (!Array.isArray(list)) throw new Error(`${name} is no list`);
    // A name or number is a placement's own; were two to claim one, the first keeps it.
    for (const route of list) if (isRoute(route) && !routes.has(keyOf(route))) routes.set(keyOf(route), route);
  }
  return routes;
};

/** Routes as files of a directory have them: a list of `{ serverName or number, host, port }` each, `<placement>.json`. */
export const createRouteFiles = (directory: string, log: (line: string) => void) => {
  let version: string | undefined;
  return {
    /** The routes, where they have changed since the last call. What can't be read leaves those that were. */
    changed: (): Map<string, Route> | undefined => {
      try {
        const now = versionOf(directory);
        if (now === version) return undefined;
        const routes = readAll(directory);
        version = now;
        return routes;
      } catch (error) {
        log(`routes could not be read: ${error instanceof Error ? error.message : "unknown reason"}`);
        return undefined;
      }
    },
  };
};
