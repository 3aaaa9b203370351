import { noOperations, type Parameters, type ShellHeader, toContext } from "./activation.ts";
import { type Operation, toAccount } from "./operation.ts";

export interface TezosGenesis {
  block: string;
  chainId: string;
  chainName: string;
  protocol: string;
  /** RFC 3339. */
  timestamp: string;
  /** `edpk…` of who may activate. */
  activator: string;
}

export interface TezosBlock {
  hash: string;
  shell: ShellHeader;
  protocol: string;
  nextProtocol: string;
  operations: readonly Operation[];
}

export interface TezosAccount {
  /** Mutez. */
  balance: bigint;
  counter: bigint;
  publicKey?: string;
}

/** Of `Fake_protocol`, which a node names for block 0. */
const noProtocol = "PrihK96nBAFSxVL1GLJTVhu9YnzkMFiBeuJRPA8NwuZVZCE1L6i";

/** Block 0. */
export const genesisBlock = ({ block, timestamp, protocol }: TezosGenesis): TezosBlock => ({
  hash: block,
  shell: {
    level: 0,
    proto: 0,
    predecessor: block,
    timestamp,
    validation_pass: 0,
    operations_hash: noOperations,
    fitness: [],
    context: toContext(block),
  },
  protocol: noProtocol,
  nextProtocol: protocol,
  operations: [],
});

/** Who has what from the first block on. A key makes a revealed account, an address one that is not. */
export const accountsOf = ({ bootstrap_accounts: list }: Parameters): [string, TezosAccount][] =>
  (Array.isArray(list) ? list : []).map((entry) => {
    const [owner, balance] = Array.isArray(entry) ? entry.map(String) : ["", "0"];
    const account = { balance: BigInt(balance ?? "0"), counter: 0n };
    return owner?.startsWith("edpk") ? [toAccount(owner), { ...account, publicKey: owner }] : [owner ?? "", account];
  });
