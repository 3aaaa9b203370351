import { blake2b } from "@noble/hashes/blake2.js";
import {
  type ActivationBlock,
  isActivator,
  noOperations,
  type Parameters,
  readActivationBlock,
  readParameters,
  type ShellHeader,
  toContext,
} from "./activation.ts";
import { kinds, toText } from "./base58.ts";
import { accountsOf, genesisBlock, type TezosAccount, type TezosBlock, type TezosGenesis } from "./block.ts";
import { type Content, isSignedBy, type Operation, readOperation, toAccount } from "./operation.ts";
import { failure, type NodeError, Refused } from "./refusal.ts";

export interface TezosChainOptions {
  genesis: TezosGenesis;
  /** Hashes of the protocols that its nodes have in them. */
  protocols: readonly string[];
  now(): Date;
  /** Answers what is wrong with a protocol's parameters; by default they only have to name an account. */
  checkParameters?(parameters: Parameters): string | null;
}

const toleratedDriftMs = 15_000;

export type TezosChain = ReturnType<typeof createTezosChain>;

/**
 * The state of a chain that is played, not run: no protocol executes. What is real: the activation block is taken apart
 * and its header, parameters and signature are checked as the genesis protocol checks them; transfers between accounts of
 * Ed25519 keys are taken apart, checked for signature, counter and balance, and booked. Blocks come when `bake` is called.
 */
export const createTezosChain = ({ genesis, protocols, now, checkParameters }: TezosChainOptions) => {
  const blocks: TezosBlock[] = [genesisBlock(genesis)];
  const accounts = new Map<string, TezosAccount>();
  const pending: Operation[] = [];
  const listeners = new Set<(block: TezosBlock) => void>();
  let parameters: Parameters = {};
  let activation: Buffer | null = null;

  const head = (): TezosBlock => blocks.at(-1) ?? genesisBlock(genesis);
  const errorId = (name: string): string => `proto.${head().nextProtocol.slice(0, 8)}.${name}`;

  const append = (block: TezosBlock): void => {
    blocks.push(block);
    for (const listener of listeners) listener(block);
  };

  const checkCommand = (protocol: string, bytes: Buffer): Parameters => {
    if (!protocols.includes(protocol))
      throw new Refused([
        { kind: "permanent", id: "block_validator.unavailable_protocol", missing_protocol: protocol },
      ]);
    let found: Parameters;
    try {
      found = readParameters(bytes);
    } catch (error) {
      throw failure(`Failed to parse parameter: ${error instanceof Error ? error.message : ""}`);
    }
    const list = found["bootstrap_accounts"];
    const hasAccounts = Array.isArray(list) && list.length > 0;
    const problem = checkParameters?.(found) ?? (hasAccounts ? null : "Missing object field bootstrap_accounts");
    if (problem !== null) throw failure(`Invalid protocol_parameters: ${problem}`);
    return found;
  };

  const activatedHeader = (
    command: { protocol: string; fitness: readonly string[]; bytes: Buffer },
    timestamp: string,
  ): ShellHeader => ({
    level: 1,
    proto: 1,
    predecessor: genesis.block,
    timestamp,
    validation_pass: 0,
    operations_hash: noOperations,
    fitness: [...command.fitness],
    context: toContext(genesis.block, command.protocol, command.bytes, timestamp),
  });

  /** What the header of block 1 would be, as a node works it out. */
  const preapply = (protocol: string, fitness: readonly string[], bytes: Buffer, timestamp: string): ShellHeader => {
    checkCommand(protocol, bytes);
    return activatedHeader({ protocol, fitness, bytes }, timestamp);
  };

  const checkActivation = (block: ActivationBlock): void => {
    const { shell, protocol, fitness, parameterBytes: bytes } = block;
    checkCommand(protocol, bytes);
    const expected = activatedHeader({ protocol, fitness, bytes }, shell.timestamp);
    for (const [name, value] of Object.entries(expected))
      if (JSON.stringify(value) !== JSON.stringify(shell[name as keyof ShellHeader]))
        throw new Refused([{ kind: "permanent", id: "validator.invalid_block", invalid_member: name }]);
    if (Date.parse(shell.timestamp) <= Date.parse(genesis.timestamp)) throw failure("Non increasing timestamp");
    if (Date.parse(shell.timestamp) > now().getTime() + toleratedDriftMs) throw failure("A block from the future");
    if (!isActivator(genesis.activator, genesis.chainId, block))
      throw new Refused([{ kind: "permanent", id: "proto.genesis.invalid_signature" }]);
  };

  /** Injects block 1. Done again with the same block nothing happens; another one comes too late. */
  const injectBlock = (bytes: Buffer): string => {
    let block: ActivationBlock;
    try {
      block = readActivationBlock(bytes);
    } catch (error) {
      throw failure(`Can't parse the block: ${error instanceof Error ? error.message : ""}`);
    }
    if (blocks.some(({ hash }) => hash === block.hash)) return block.hash;
    checkActivation(block);
    if (blocks.length > 1) throw failure("Fitness too low");
    ({ parameters } = block);
    activation = bytes;
    for (const [owner, account] of accountsOf(parameters)) accounts.set(owner, account);
    const { hash, shell, protocol } = block;
    append({ hash, shell, protocol: genesis.protocol, nextProtocol: protocol, operations: [] });
    return hash;
  };

  const accountOf = (owner: string): TezosAccount => accounts.get(owner) ?? { balance: 0n, counter: 0n };

  /** What keeps contents from being applied, each as a node says it; empty: nothing. Signatures are not looked at. */
  const problemsOf = (contents: readonly Content[]): NodeError[] => {
    const [first] = contents;
    if (first === undefined) return [{ kind: "permanent", id: errorId("operation.empty") }];
    const { balance, counter, publicKey } = accountOf(first.source);
    const contract = first.source;
    for (const [index, content] of contents.entries()) {
      const expected = counter + 1n + BigInt(index);
      const found = BigInt(content.counter);
      const facts = { contract, expected: String(expected), found: String(found) };
      if (found < expected) return [{ kind: "branch", id: errorId("contract.counter_in_the_past"), ...facts }];
      if (found > expected) return [{ kind: "temporary", id: errorId("contract.counter_in_the_future"), ...facts }];
    }
    if (publicKey === undefined && first.kind !== "reveal")
      return [{ kind: "permanent", id: errorId("contract.unrevealed_key"), contract }];
    const spent = contents.reduce(
      (sum, content) => sum + BigInt(content.fee) + (content.kind === "transaction" ? BigInt(content.amount) : 0n),
      0n,
    );
    if (spent <= balance) return [];
    const amounts = { balance: String(balance), amount: String(spent) };
    return [{ kind: "temporary", id: errorId("contract.balance_too_low"), contract, ...amounts }];
  };

  /** Takes an operation apart and checks all of it. Throws `Refused`. */
  const check = (bytes: Buffer): Operation => {
    let operation: Operation;
    try {
      operation = readOperation(bytes);
    } catch (error) {
      throw failure(`Can't parse the operation: ${error instanceof Error ? error.message : ""}`);
    }
    const { branch, contents } = operation;
    if (!blocks.some((block) => block.hash === branch))
      throw new Refused([{ kind: "branch", id: "prevalidation.unknown_branch", branch }]);
    const problems = problemsOf(contents);
    if (problems.length > 0) throw new Refused(problems);
    const [first] = contents;
    const key = first?.kind === "reveal" ? first.public_key : accountOf(first?.source ?? "").publicKey;
    if (key === undefined || first === undefined || toAccount(key) !== first.source || !isSignedBy(key, operation))
      throw new Refused([{ kind: "permanent", id: errorId("operation.invalid_signature") }]);
    return operation;
  };

  const injectOperation = (bytes: Buffer): string => {
    const operation = check(bytes);
    const { hash } = operation;
    if (pending.some((each) => each.hash === hash))
      throw new Refused([{ kind: "temporary", id: "prevalidation.operation_already_in_mempool", oph: hash }]);
    pending.push(operation);
    return hash;
  };

  const apply = (content: Content): void => {
    const source = accountOf(content.source);
    const after = { ...source, balance: source.balance - BigInt(content.fee), counter: BigInt(content.counter) };
    if (content.kind === "reveal") {
      accounts.set(content.source, { ...after, publicKey: content.public_key });
      return;
    }
    const amount = BigInt(content.amount);
    accounts.set(content.source, { ...after, balance: after.balance - amount });
    const destination = accountOf(content.destination);
    accounts.set(content.destination, { ...destination, balance: destination.balance + amount });
  };

  /** Makes the next block out of what waits, as a baker would. Throws before the activation. */
  const bake = (timestamp: Date = now()): TezosBlock => {
    const { hash: predecessor, shell, nextProtocol } = head();
    if (shell.level === 0) throw new Error("nobody bakes before the activation");
    const operations = pending.splice(0);
    for (const { contents } of operations) for (const content of contents) apply(content);
    const level = shell.level + 1;
    const at = `${timestamp.toISOString().slice(0, 19)}Z`;
    const fitness = ["02", level.toString(16).padStart(8, "0"), "", "ffffffff", "00000000"];
    const context = toContext(predecessor, String(level), at);
    const next = { ...shell, level, predecessor, timestamp: at, validation_pass: 4, fitness, context };
    const hash = toText(kinds.block, blake2b(Buffer.from(JSON.stringify([next, operations])), { dkLen: 32 }));
    const block: TezosBlock = { hash, shell: next, protocol: nextProtocol, nextProtocol, operations };
    append(block);
    return block;
  };

  /** Takes a block that another node's `bake` made, with everything in it checked. Throws where it does not fit. */
  const adopt = ({ hash, shell }: Pick<TezosBlock, "hash" | "shell">, operations: readonly Buffer[]): void => {
    const { hash: predecessor, shell: last, nextProtocol } = head();
    if (shell.predecessor !== predecessor || shell.level !== last.level + 1 || last.level === 0)
      throw failure("The block does not follow the head");
    const taken = operations.map((bytes) => {
      const operation = check(bytes);
      for (const content of operation.contents) apply(content);
      return operation;
    });
    const left = pending.filter((one) => !taken.some((other) => other.hash === one.hash));
    pending.splice(0, pending.length, ...left);
    append({ hash, shell, protocol: nextProtocol, nextProtocol, operations: taken });
  };

  return {
    genesis,
    protocols,
    now,
    blocks: blocks as readonly TezosBlock[],
    pending: pending as readonly Operation[],
    head,
    parameters: (): Parameters => parameters,
    account: accountOf,
    hasAccount: (owner: string): boolean => accounts.has(owner),
    preapply,
    injectBlock,
    problemsOf,
    injectOperation,
    bake,
    adopt,
    /** Block 1 as it was injected; null before. */
    activation: (): Buffer | null => activation,
    /** Another protocol than the one that was activated is in force from the next block on. */
    replaceProtocol: (protocol: string): void => {
      const { hash, ...rest } = head();
      blocks.splice(-1, 1, { hash, ...rest, nextProtocol: protocol });
    },
    /** Calls for each block that comes; answers how to stop it. */
    onBlock: (listener: (block: TezosBlock) => void): (() => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
};
