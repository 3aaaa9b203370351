/** The version that the project's tests call a chain's routes with. */
export const taquitoVersion = "25.0.0";

/** The snippet's imports, not ones of this file. */
const [client, signer] = ["@taquito/taquito", "@taquito/signer"];

/** `connect.mjs`: complete; what differs from caller to caller comes from the environment. */
export const renderTaquitoSnippet = (url: string): string => `// With ${client} and ${signer} ${taquitoVersion}:
//
//   npm install ${client}@${taquitoVersion} ${signer}@${taquitoVersion}
//   PORTOLAN_KEY=ptl_… TEZOS_SECRET_KEY=edsk… node connect.mjs tz1…
//
// Without TEZOS_SECRET_KEY it only reads. The key of the account stays with you; its tez are those that the chain's
// settings gave it (accounts).

import { InMemorySigner } from ${JSON.stringify(signer)};
import { TezosToolkit } from ${JSON.stringify(client)};

const { env } = process;
const { PORTOLAN_KEY: key, TEZOS_SECRET_KEY: secret } = env;
if (!key) throw new Error("Set PORTOLAN_KEY to a key of the app's with the scope rpc.");

const tezos = new TezosToolkit(\`\${env.PORTOLAN_URL ?? ${JSON.stringify(url)}}/\${key}\`);
const header = await tezos.rpc.getBlockHeader();
console.log(\`\${header.chain_id} is at level \${header.level} with \${header.protocol}\`);

const [, , to] = process.argv;
if (to) console.log(\`\${to} has \${(await tezos.tz.getBalance(to)).toString()} mutez\`);
if (to && secret) {
  tezos.setProvider({ signer: new InMemorySigner(secret) });
  const operation = await tezos.contract.transfer({ to, amount: 1 });
  await operation.confirmation(1);
  console.log(\`1 tez is there: \${operation.hash}\`);
}
`;
