import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { ShellHeader } from "../scripted-tezos/activation.ts";
import type { TezosBlock } from "../scripted-tezos/block.ts";
import type { TezosChain } from "../scripted-tezos/chain.ts";

/** A chain's blocks as they go to disk and to other nodes. */
export interface Ledger {
  /** Block 1 in hex; null before the activation. */
  activation: string | null;
  /** From block 2 on. */
  blocks: { hash: string; shell: ShellHeader; operations: string[] }[];
  /** What waits for a block. */
  pending: string[];
}

const toHex = ({ bytes, signature }: { bytes: Buffer; signature: Buffer }): string =>
  Buffer.concat([bytes, signature]).toString("hex");
const fromHex = (text: string): Buffer => Buffer.from(text, "hex");

const toRow = ({ hash, shell, operations }: TezosBlock): Ledger["blocks"][number] => ({
  hash,
  shell,
  operations: operations.map(toHex),
});

/** All of it from that level on. */
export const toLedger = (chain: TezosChain, from = 2): Ledger => ({
  activation: chain.activation()?.toString("hex") ?? null,
  blocks: chain.blocks.slice(Math.max(2, from)).map(toRow),
  pending: chain.pending.map(toHex),
});

/** Takes over what the chain does not have yet; each block is checked. True: there was something. */
export const takeOver = (chain: TezosChain, { activation, blocks, pending }: Ledger): boolean => {
  const before = chain.blocks.length;
  if (activation !== null && before === 1) chain.injectBlock(fromHex(activation));
  for (const { hash, shell, operations } of blocks)
    if (shell.level >= chain.blocks.length) chain.adopt({ hash, shell }, operations.map(fromHex));
  for (const operation of pending) {
    try {
      chain.injectOperation(fromHex(operation));
    } catch {
      // It is known, or done.
    }
  }
  return chain.blocks.length > before;
};

/** What was kept; nothing at the first start. */
export const loadLedger = (path: string): Ledger | null => {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Ledger;
  } catch {
    return null;
  }
};

/** One rename: a node that is killed in the middle has the former one. */
export const saveLedger = (path: string, ledger: Ledger): void => {
  writeFileSync(`${path}.new`, JSON.stringify({ ...ledger, pending: [] }));
  renameSync(`${path}.new`, path);
};
