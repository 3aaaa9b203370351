import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Clock, Random } from "@portolan/domain";
import type { Logger } from "@portolan/kit";
import type { Directory } from "../edge/directory.ts";
import { createGrpcProtocol, type GrpcBounds, type GrpcDeps, type GrpcProtocol } from "./grpc.ts";
import { type CertificateFiles, openServerCertificates } from "./grpc-certificates.ts";

export interface GrpcSettings {
  /** 0: any free one. */
  port: number;
  /** Chains are `<chain>.<domain>`, lower case. */
  domain: string;
  /** The operator's own certificate for the domain and its names; without it the gateway makes them. */
  files?: CertificateFiles;
  bounds?: Partial<GrpcBounds>;
}

export interface GrpcListener {
  /** Opens it; answers its port. Throws when a certificate can't be read or the port is taken. */
  start(): Promise<number>;
  /** Finishes calls, ends streams; what is left is cut after `drainMs`. */
  stop(drainMs: number): Promise<void>;
  /** What callers must trust, PEM; `null` when the operator has certificates. */
  authorityPem(): string | null;
  /** Ends streams whose right to go on is over. */
  recheck(): void;
}

/** The gRPC listener of a gateway with its certificates. Opens nothing before `start`. */
export const createGrpcListener = (
  deps: Omit<GrpcDeps, "certificates" | "domain" | "bounds"> & {
    directory: Pick<Directory, "listen" | "route">;
    clock: Clock;
    random: Random;
    log: Pick<Logger, "info" | "warn" | "error">;
    dir: string;
    host: string;
  },
  settings: GrpcSettings,
): GrpcListener => {
  const { directory, clock, random, log, dir, host } = deps;
  const { port, domain, files, bounds } = settings;
  let protocol: GrpcProtocol | null = null;
  let authorityPem: string | null = null;
  return {
    start: async () => {
      const certificates = await openServerCertificates({
        dir: join(dir, "tls"),
        domain,
        ...(files === undefined ? {} : { files }),
        isKnown: (chainId) => directory.route(chainId) !== undefined,
        clock,
        random,
        log,
      });
      authorityPem = certificates.authorityPem;
      const started = createGrpcProtocol({
        ...deps,
        certificates,
        domain,
        ...(bounds === undefined ? {} : { bounds }),
      });
      protocol = started;
      directory.listen(started.listener);
      await new Promise<void>((resolve, reject) => {
        started.server.once("error", reject);
        started.server.listen(port, host, 1_024, () => {
          started.server.off("error", reject);
          resolve();
        });
      });
      return (started.server.address() as AddressInfo).port;
    },
    stop: async (drainMs) => {
      const started = protocol;
      if (started === null) return;
      const closed = new Promise<void>((resolve) => {
        started.server.close(() => resolve());
      });
      started.drain();
      const cut = setTimeout(started.destroy, drainMs);
      await closed;
      clearTimeout(cut);
    },
    authorityPem: () => authorityPem,
    recheck: () => protocol?.listener.onAccessChange(),
  };
};
