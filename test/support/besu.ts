import { quickstartToken } from "@portolan/frameworks";
import { type Abi, type Address, createPublicClient, createWalletClient, encodeDeployData, type Hex, http } from "viem";
import type { PrivateKeyAccount } from "viem/accounts";
import type { Customer } from "./customer.ts";
import { rows } from "./fabric.ts";
import { rpc } from "./json-rpc.ts";
import type { Plane } from "./plane.ts";

/** The version that the stand-in is called. */
export const besuVersion = "26.9.0";

/** Four validators and a node for callers, with a block each second. */
export const besuBody = (
  customer: Pick<Customer, "appId">,
  { settings = {}, regions = ["local"] }: { settings?: object; regions?: string[] } = {},
) => ({
  ...{ appId: customer.appId, name: "ledger", framework: "besu", plan: "dev", regions },
  hosting: "dedicated" as const,
  settings: { validators: 4, rpcNodes: 1, blockPeriodSeconds: 1, ...settings },
});

export interface Token {
  transfer(to: Address, amount: bigint): Promise<void>;
  balanceOf(holder: Address): Promise<bigint>;
}

const until = { timeout: 60_000, pollingInterval: 200 };

/** The quickstart's token, made by an application with an account of its own that has no Ether. */
export const deployToken = async (url: string, account: PrivateKeyAccount, supply: bigint): Promise<Token> => {
  const transport = http(url);
  const client = createPublicClient({ transport, pollingInterval: 200 });
  const wallet = createWalletClient({ account, transport });
  const abi = quickstartToken.abi as Abi;
  const data = encodeDeployData({ abi, bytecode: quickstartToken.bytecode as Hex, args: ["Portolan", "PTL", supply] });
  const deployed = await wallet.sendTransaction({ data, chain: null });
  const { contractAddress } = await client.waitForTransactionReceipt({ hash: deployed, ...until });
  if (!contractAddress) throw new Error("no contract was made");
  const token = { address: contractAddress, abi };
  return {
    transfer: async (to, amount) => {
      const hash = await wallet.writeContract({ ...token, functionName: "transfer", args: [to, amount], chain: null });
      const { status } = await client.waitForTransactionReceipt({ hash, ...until });
      if (status !== "success") throw new Error(`the transfer is ${status}`);
    },
    balanceOf: async (holder) =>
      BigInt(String(await client.readContract({ ...token, functionName: "balanceOf", args: [holder] }))),
  };
};

/** Each node's JSON-RPC behind the plane's back, by its name. */
export const nodeUrls = async (plane: Plane, chain: string): Promise<Map<string, string>> => {
  const placements = await rows(plane, `select addresses from placements where chain_id = '${chain}'`);
  const all = placements.flatMap(
    ({ addresses }) => addresses as { node: string; port: string; host: string; number: number }[],
  );
  return new Map(
    all.filter(({ port }) => port === "rpc").map(({ node, host, number }) => [node, `http://${host}:${number}`]),
  );
};

/** Addresses of those who seal blocks now, as that node says; ascending. */
export const validatorsAt = async (url: string): Promise<string[]> =>
  ((await rpc(url, "qbft_getValidatorsByBlockNumber", ["latest"])) as string[])
    .map((address) => address.toLowerCase())
    .sort();

/** What the plane calls its nodes: address → name, from the public halves of their keys. */
export const nodesByAddress = async (plane: Plane, chain: string): Promise<Map<string, string>> => {
  const sql = `select name, public from materials where chain_id = '${chain}' and name like 'node/%/key'`;
  return new Map(
    (await rows(plane, sql)).map(({ name, public: known }) => [
      (known as { address: string }).address,
      String(name).split("/")[1] ?? "",
    ]),
  );
};
