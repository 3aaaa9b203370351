import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { CliFailure } from "../failure.ts";

const listen = (port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      const address = server.address();
      const found = typeof address === "object" && address !== null ? address.port : port;
      server.close(() => resolve(found));
    });
  });

/**
 * The port to use: the wished one when it is free, any free one for 0.
 * @throws CliFailure that says which port, who holds it if that can be seen, and which variable moves it.
 */
export const claimPort = async (wished: number, use: string, variable: string): Promise<number> => {
  try {
    return await listen(wished);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code === "EACCES") {
      throw new CliFailure(`Port ${wished} for the ${use} may not be opened by this user.`, {
        hint: `Set ${variable} to a port above 1023.`,
      });
    }
    if (code !== "EADDRINUSE") throw error;
    const holder = holderOf(wished);
    throw new CliFailure(
      `Port ${wished} for the ${use} is taken${holder === undefined ? "" : ` by ${holder.name} (pid ${holder.pid})`}.`,
      { hint: `Stop what uses it, or set ${variable} to another port (0: any free one).` },
    );
  }
};

const sockets = (file: string, port: number): string[] => {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return read(file)
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) === true && fields[3] === "0A")
    .map((fields) => `socket:[${fields[9] ?? ""}]`);
};

/** Who listens on a port, as far as this user may see; Linux only. */
export const holderOf = (port: number): { pid: number; name: string } | undefined => {
  if (process.platform !== "linux") return undefined;
  const wanted = new Set([...sockets("/proc/net/tcp", port), ...sockets("/proc/net/tcp6", port)]);
  if (wanted.size === 0) return undefined;
  for (const pid of list("/proc").filter((name) => /^\d+$/.test(name))) {
    const holds = list(`/proc/${pid}/fd`).some((descriptor) => wanted.has(link(`/proc/${pid}/fd/${descriptor}`)));
    if (holds) return { pid: Number(pid), name: read(`/proc/${pid}/comm`).trim() || "a process" };
  }
  return undefined;
};

const read = (path: string): string => attempt(() => readFileSync(path, "utf8"), "");
const list = (path: string): string[] => attempt(() => readdirSync(path), []);
const link = (path: string): string => attempt(() => readlinkSync(path), "");

const attempt = <T>(work: () => T, otherwise: T): T => {
  try {
    return work();
  } catch {
    return otherwise;
  }
};
