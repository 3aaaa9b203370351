import { Client, credentials } from "@grpc/grpc-js";
import { type Contract, connect, hash, signers } from "@hyperledger/fabric-gateway";
import type { Network } from "./network.ts";

const pemOf = (network: Network, name: string): string => {
  const item = network.material().find((found) => found.name === name);
  const pem = (item?.public as { pem?: string } | undefined)?.pem;
  if (pem === undefined) throw new Error(`no certificate ${name}`);
  return pem;
};

/** The ecosystem's own client, connected straight to a peer as its organisation's administrator. */
export const openClient = async (network: Network, organisation: string, peer = `peer-${organisation}-0`) => {
  const { host, port } = await network.dial(peer, "grpc");
  const client = new Client(
    `${host}:${port}`,
    credentials.createSsl(Buffer.from(pemOf(network, `tlsca/${organisation}`))),
    // An address can't be asked for in a handshake.
    { "grpc.ssl_target_name_override": "localhost" },
  );
  const gateway = connect({
    client,
    identity: {
      mspId: `${organisation.charAt(0).toUpperCase()}${organisation.slice(1)}MSP`,
      credentials: Buffer.from(pemOf(network, `admin/${organisation}`)),
    },
    signer: signers.newPrivateKeySigner(network.privateKey(`admin/${organisation}`)),
    hash: hash.sha256,
  });
  return {
    contract: (channel: string, chaincode: string): Contract => gateway.getNetwork(channel).getContract(chaincode),
    close: (): void => {
      gateway.close();
      client.close();
    },
  };
};
