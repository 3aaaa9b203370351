import type { ChainAddresses, ChainDocument } from "../../framework.ts";
import { quickstartToken } from "./quickstart-token.ts";

/** What a developer needs to know of an EVM chain to call it. */
export interface EvmNetwork {
  name: string;
  chainId: number;
  /** Accounts need no Ether to send. */
  isGasFree: boolean;
  http: ChainAddresses["http"];
}

/** What the project's tests run the script with. */
export const viemVersion = "2.57.20";

/** The script's imports, not ones of this file. */
const [client, accounts] = ["viem", "viem/accounts"].map((name) => JSON.stringify(name));

const urlsOf = ({ http }: EvmNetwork): string[] =>
  Object.keys(http)
    .sort()
    .flatMap((region) => http[region] ?? []);

const toJson = (name: string, title: string, value: unknown): ChainDocument => ({
  name,
  title,
  mediaType: "application/json",
  content: `${JSON.stringify(value, null, 2)}\n`,
});

/** Parameters of `wallet_addEthereumChain` (EIP-3085). Wallets send no headers: a key is the last segment of the path. */
const toWalletDocument = (network: EvmNetwork): ChainDocument =>
  toJson("wallet-network.json", "The network as wallets add it (put a key of the app at the end of the address)", {
    chainId: `0x${network.chainId.toString(16)}`,
    chainName: network.name,
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: urlsOf(network).map((url) => `${url}/YOUR-KEY`),
  });

const toScript = (
  network: EvmNetwork,
): string => `// Run by Portolan's test suite as it is, on a development chain, with viem ${viemVersion}.
//
// Makes a token and gives some of it to another account. In a directory with token.json (document of the chain):
//
//   npm install viem@${viemVersion}
//   PORTOLAN_KEY=... ${network.isGasFree ? "" : "PRIVATE_KEY=0x... "}node quickstart.mjs
//
// PORTOLAN_KEY is a key of the app with the scope rpc. ${
  network.isGasFree
    ? "Gas is free here: without PRIVATE_KEY an account is made that nobody knows afterwards."
    : "PRIVATE_KEY is that of an account that has Ether."
}
import { readFileSync } from "node:fs";
import { createPublicClient, createWalletClient, http } from ${client};
import { generatePrivateKey, privateKeyToAccount } from ${accounts};

const { env } = process;
const url = env.PORTOLAN_URL ?? ${JSON.stringify(urlsOf(network)[0] ?? "")};
const { abi, bytecode } = JSON.parse(readFileSync(env.TOKEN_FILE ?? "token.json", "utf8"));
const account = privateKeyToAccount(env.PRIVATE_KEY ?? generatePrivateKey());
const chain = {
  id: ${network.chainId},
  name: ${JSON.stringify(network.name)},
  nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
  rpcUrls: { default: { http: [url] } },
};
const transport = http(url, { fetchOptions: { headers: { "x-api-key": env.PORTOLAN_KEY ?? "" } } });
const client = createPublicClient({ chain, transport, pollingInterval: 500 });
const wallet = createWalletClient({ account, chain, transport });
const fees = ${network.isGasFree ? "{ gasPrice: 0n }" : "{}"};

const deployed = await wallet.deployContract({ abi, bytecode, args: ["Example", "EXM", 1_000_000n], ...fees });
const { contractAddress: address } = await client.waitForTransactionReceipt({ hash: deployed });
console.log("token", address);

const to = env.TO ?? "0x000000000000000000000000000000000000dEaD";
const sent = await wallet.writeContract({ address, abi, functionName: "transfer", args: [to, 250n], ...fees });
await client.waitForTransactionReceipt({ hash: sent });
const [mine, theirs] = await Promise.all(
  [account.address, to].map((owner) => client.readContract({ address, abi, functionName: "balanceOf", args: [owner] })),
);
console.log("balances", String(mine), String(theirs));
`;

/** A token with its ready ABI, a script that uses it, and the network for wallets. Pure. */
export const toEvmDocuments = (network: EvmNetwork): ChainDocument[] => [
  toWalletDocument(network),
  toJson("token.json", "An ERC-20 token: ABI and creation code, ready to deploy", quickstartToken),
  {
    name: "quickstart.mjs",
    mediaType: "text/javascript",
    title: "Node: deploys the token and transfers some of it (run by the tests)",
    content: toScript(network),
  },
];
