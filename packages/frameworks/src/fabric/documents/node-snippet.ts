import { type Connection, keyNotes, toLiteral } from "./connection.ts";

/** What the project's tests run the snippet with. */
export const nodeVersions = { gateway: "1.12.1", grpc: "1.14.7" } as const;

/** The snippet's import, not one of this file. */
const clientPackage = "@hyperledger/fabric-gateway";

/** `connect-<org>.mjs`: complete; what differs from caller to caller comes from the environment. */
export const renderNodeSnippet = (connection: Connection): string => {
  const { organisation, mspId, address, serverName, hasOwnAuthority, channel, chaincode } = connection;
  const authority = hasOwnAuthority
    ? 'readFileSync(env.PORTOLAN_TLS_CA ?? "tls-ca.pem")'
    : "env.PORTOLAN_TLS_CA ? readFileSync(env.PORTOLAN_TLS_CA) : null";
  return `// Run by Portolan's test suite as it is, on real nodes, with @hyperledger/fabric-gateway ${nodeVersions.gateway} and @grpc/grpc-js ${nodeVersions.grpc}.
//
// Calls chaincode as a member of ${mspId}. In a directory with identity.pem (your certificate), key.pem (its private key)${hasOwnAuthority ? "\n// and tls-ca.pem (document of the chain):" : ":"}
//
//   npm install @hyperledger/fabric-gateway@${nodeVersions.gateway} @grpc/grpc-js@${nodeVersions.grpc}
//   PORTOLAN_KEY=... node connect-${organisation}.mjs submit create asset1 blue 5
//   PORTOLAN_KEY=... node connect-${organisation}.mjs evaluate read asset1
//
${keyNotes("//")}
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { connect, hash, signers } from ${toLiteral(clientPackage)};

const { env } = process;
const settings = {
  // Key of an app, with scope "rpc".
  key: env.PORTOLAN_KEY,
  address: env.PORTOLAN_GRPC_ADDRESS ?? ${toLiteral(address)},
  // The server name tells the gateway which chain is meant.
  serverName: env.PORTOLAN_SERVER_NAME ?? ${toLiteral(serverName)},
  mspId: ${toLiteral(mspId)},
  certificate: env.FABRIC_CERTIFICATE ?? "identity.pem",
  privateKey: env.FABRIC_PRIVATE_KEY ?? "key.pem",
  channel: env.FABRIC_CHANNEL ?? ${toLiteral(channel)},
  chaincode: env.FABRIC_CHAINCODE ?? ${toLiteral(chaincode)},
};

const openClient = () => {
  const key = credentials.createFromMetadataGenerator((_, done) => {
    const metadata = new Metadata();
    metadata.set("x-api-key", settings.key);
    done(null, metadata);
  });
  const tls = credentials.createSsl(${authority});
  return new Client(settings.address, credentials.combineChannelCredentials(tls, key), {
    "grpc.ssl_target_name_override": settings.serverName,
    "grpc.default_authority": settings.serverName,
  });
};

const within = (seconds) => () => ({ deadline: Date.now() + seconds * 1000 });

const main = async ([kind, name, ...args]) => {
  if (!settings.key) throw new Error("PORTOLAN_KEY is not set");
  if (!settings.channel || !settings.chaincode) throw new Error("FABRIC_CHANNEL and FABRIC_CHAINCODE are not set");
  if (!["submit", "evaluate"].includes(kind) || name === undefined)
    throw new Error("say submit or evaluate, a function, and its arguments");
  const client = openClient();
  const gateway = connect({
    client,
    identity: { mspId: settings.mspId, credentials: readFileSync(settings.certificate) },
    signer: signers.newPrivateKeySigner(createPrivateKey(readFileSync(settings.privateKey))),
    hash: hash.sha256,
    evaluateOptions: within(10),
    endorseOptions: within(20),
    submitOptions: within(10),
    commitStatusOptions: within(60),
  });
  try {
    const contract = gateway.getNetwork(settings.channel).getContract(settings.chaincode);
    const result =
      kind === "submit"
        ? await contract.submitTransaction(name, ...args)
        : await contract.evaluateTransaction(name, ...args);
    console.log(Buffer.from(result).toString());
  } finally {
    gateway.close();
    client.close();
  }
};

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message, ...(error.details ?? []).map(({ mspId, message }) => "\\n  " + mspId + ": " + message));
  process.exitCode = 1;
});
`;
};
