import { createHash } from "node:crypto";
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { DomainError } from "@portolan/domain";
import { hasErrorCode } from "@portolan/kit";
import type { Layout } from "./layout.ts";

/** Both ends inclusive. Keep it below the range from which the system takes ports for outgoing connections. */
export interface PortRange {
  first: number;
  last: number;
}

/** `free`; `taken`: somebody listens there; `unknown`: this machine can't say (not its address). */
export const checkPort = (host: string, port: number): Promise<"free" | "taken" | "unknown"> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve(hasErrorCode(error, "EADDRINUSE", "EACCES") ? "taken" : "unknown"));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve("free")));
  });

let counter = 0;

/**
 * One file per port, made by `link`: two placements can't claim the same one, in whatever process they are reserved.
 * Where the search begins is a hash of the owner, so a repeated reservation finds its own claim first.
 */
export const createPortRegistry = (deps: { layout: Layout; range: PortRange; host: string }) => {
  const { layout, range, host } = deps;
  const size = range.last - range.first + 1;
  const path = (port: number): string => join(layout.ports, String(port));

  const ownerOf = (port: number): string | undefined => {
    try {
      return readFileSync(path(port), "utf8");
    } catch (error) {
      if (hasErrorCode(error, "ENOENT")) return undefined;
      throw error;
    }
  };

  const claimFile = (port: number, owner: string): boolean => {
    const temporary = join(layout.ports, `.${process.pid}.${counter++}`);
    writeFileSync(temporary, owner, { mode: 0o600 });
    try {
      linkSync(temporary, path(port));
      return true;
    } catch (error) {
      if (hasErrorCode(error, "EEXIST")) return ownerOf(port) === owner;
      throw error;
    } finally {
      unlinkSync(temporary);
    }
  };

  const claim = async (owner: string): Promise<number> => {
    const start = createHash("sha256").update(owner).digest().readUInt32BE(0) % size;
    for (let step = 0; step < size; step++) {
      const port = range.first + ((start + step) % size);
      const holder = ownerOf(port);
      if (holder === owner) return port;
      if (holder !== undefined || (await checkPort(host, port)) !== "free") continue;
      if (claimFile(port, owner)) return port;
    }
    throw new DomainError({
      code: "runtime.failed",
      message: `No port is free between ${range.first} and ${range.last}.`,
      hint: "Delete chains that are not needed, or give the region a wider range of ports.",
      retryable: true,
    });
  };

  /** Whether the owner may have just this port, or has it. */
  const ask = async (owner: string, port: number): Promise<"free" | "taken" | "outside"> => {
    if (port < range.first || port > range.last) return "outside";
    const holder = ownerOf(port);
    if (holder !== undefined) return holder === owner ? "free" : "taken";
    return (await checkPort(host, port)) === "free" ? "free" : "taken";
  };

  return {
    ask,
    /** A port for `placement/node/port` that stays its own until released; `wish`: that one, or `address.taken`. */
    claim: async (owner: string, wish?: number): Promise<number> => {
      mkdirSync(layout.ports, { recursive: true, mode: 0o700 });
      if (wish === undefined) return claim(owner);
      if (claimFile(wish, owner)) return wish;
      throw new DomainError({
        code: "address.taken",
        message: `The port ${wish} has just been taken by another chain.`,
        hint: "Delete the chain that has it, then import again.",
      });
    },
    /** Gives back every port whose owner begins with `prefix`. */
    release: (prefix: string): void => {
      let names: string[];
      try {
        names = readdirSync(layout.ports);
      } catch {
        return;
      }
      for (const name of names) {
        const port = Number(name);
        if (Number.isInteger(port) && ownerOf(port)?.startsWith(prefix)) rmSync(path(port), { force: true });
      }
    },
  };
};

export type PortRegistry = ReturnType<typeof createPortRegistry>;
