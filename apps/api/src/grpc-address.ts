import { readFile } from "node:fs/promises";
import type { ApiConfig } from "./config.ts";

/** Where chains are reached by gRPC from outside. */
export interface GrpcAddress {
  /** `host:port` of the listener, and the name by which a chain is asked for there. */
  of(chainId: string): { address: string; serverName: string };
  /**
   * PEM of the authority that signs the listener's certificates; undefined where there is none to hand out. Read when it
   * is asked for: the gateway makes it at its first start, and a new one when it is renewed.
   */
  authority(): Promise<string | undefined>;
}

/** From the configuration; undefined without such a listener. */
export const toGrpcAddress = (
  config: Pick<ApiConfig, "PORTOLAN_GRPC_ADDRESS" | "PORTOLAN_GRPC_DOMAIN" | "PORTOLAN_GRPC_CA_FILE">,
): GrpcAddress | undefined => {
  const { PORTOLAN_GRPC_ADDRESS: address, PORTOLAN_GRPC_DOMAIN: domain, PORTOLAN_GRPC_CA_FILE: file } = config;
  if (address === undefined) return undefined;
  return {
    of: (chainId) => ({ address, serverName: `${chainId.replaceAll("_", "-")}.${domain}` }),
    authority: async () => (file === undefined ? undefined : readFile(file, "utf8").catch(() => undefined)),
  };
};
