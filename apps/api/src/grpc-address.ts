import { readFileSync } from "node:fs";
import type { ApiDeps } from "./api-deps.ts";
import type { ApiConfig } from "./config.ts";

/**
 * Where chains are reached by gRPC, from the configuration; undefined without such a listener. The authority's file is
 * read when it is asked for: the gateway makes it at its first start, and a new one when it is renewed.
 */
export const toGrpcAddressOf = (
  config: Pick<ApiConfig, "PORTOLAN_GRPC_ADDRESS" | "PORTOLAN_GRPC_DOMAIN" | "PORTOLAN_GRPC_CA_FILE">,
): ApiDeps["grpcAddressOf"] => {
  const { PORTOLAN_GRPC_ADDRESS: address, PORTOLAN_GRPC_DOMAIN: domain, PORTOLAN_GRPC_CA_FILE: file } = config;
  if (address === undefined) return undefined;
  const readAuthority = (): { authorityPem?: string } => {
    if (file === undefined) return {};
    try {
      return { authorityPem: readFileSync(file, "utf8") };
    } catch {
      return {};
    }
  };
  return (chainId) => ({ address, serverName: `${chainId.replaceAll("_", "-")}.${domain}`, ...readAuthority() });
};
