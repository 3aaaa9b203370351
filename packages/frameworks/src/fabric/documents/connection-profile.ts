import type { JsonObject } from "@portolan/domain";
import type { Connection } from "./connection.ts";

/**
 * The form that Fabric's tools read (version 1.0.0 of the common connection profile). One peer: the gateway's listener,
 * behind which the chain's peers are; orderers and authorities are nobody's to call.
 */
export const toConnectionProfile = (
  chain: { chainId: string; name: string },
  connection: Connection,
  authorityPem: string | undefined,
): JsonObject => {
  const { organisation, mspId, address, serverName, channel } = connection;
  return {
    name: chain.name,
    version: "1.0.0",
    description:
      "One gRPC entry for all peers. The app key is metadata of each call (x-api-key). Only what Fabric's gateway service offers is served: clients are those of fabric-gateway, not the SDKs before it.",
    "x-portolan": { chain: chain.chainId, keyMetadata: "x-api-key" },
    client: { organization: organisation, connection: { timeout: { peer: { endorser: "300" } } } },
    organizations: { [organisation]: { mspid: mspId, peers: [serverName] } },
    peers: {
      [serverName]: {
        url: `grpcs://${address}`,
        ...(authorityPem === undefined ? {} : { tlsCACerts: { pem: authorityPem } }),
        grpcOptions: { "ssl-target-name-override": serverName, hostnameOverride: serverName },
      },
    },
    ...(channel === ""
      ? {}
      : {
          channels: {
            [channel]: {
              peers: {
                [serverName]: { endorsingPeer: true, chaincodeQuery: true, ledgerQuery: true, eventSource: true },
              },
            },
          },
        }),
  };
};
