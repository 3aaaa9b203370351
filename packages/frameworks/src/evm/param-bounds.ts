import type { BoundName } from "./method-table.ts";
import { stateProblem } from "./state-bound.ts";

type Refusal = { message: string; hint: string } | null;

export const maxLogBlocks = 5_000;
export const maxMinedBlocks = 1_000;
/** Clients cap a transaction at 128 KiB; blob transactions with their sidecars are longer (6 blobs of 128 KiB). */
const maxRawTransactionCharacters = 2 + 2 * 1024 * 1024;
const maxBlockGas = 1_000_000_000n;
const maxDepth = 100n;
const maxSeconds = 10_000_000_000_000n;
const tracers = new Set(["callTracer", "prestateTracer", "4byteTracer", "flatCallTracer", "noopTracer", "muxTracer"]);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const listOf = (params: unknown): readonly unknown[] => (Array.isArray(params) ? params : []);

/** A quantity as nodes take it: a JSON number, or a decimal or 0x text. `undefined` when it is none. */
export const toQuantity = (value: unknown): bigint | undefined => {
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  if (typeof value !== "string" || value.length > 80) return undefined;
  return /^(?:0x[0-9a-fA-F]+|[0-9]+)$/.test(value) ? BigInt(value) : undefined;
};

const refuse = (message: string, hint: string): Refusal => ({ message, hint });

/** Every given member must be a quantity within the bounds; absent and null ones are the node's default. */
const within = (value: unknown, min: bigint, max: bigint, what: string): Refusal => {
  if (value === undefined || value === null) return null;
  const quantity = toQuantity(value);
  if (quantity !== undefined && quantity >= min && quantity <= max) return null;
  return refuse(`${what} must be a whole number from ${min} to ${max}.`, "Split the work over several calls.");
};

const firstOf = (...refusals: readonly Refusal[]): Refusal => refusals.find((refusal) => refusal !== null) ?? null;

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

const blockOf = (value: unknown): bigint | undefined => (value === "earliest" ? 0n : toQuantity(value));

/**
 * Blocks that a filter spans, as far as it tells. From a number to a tag (or to nothing, which nodes take as `latest`)
 * only the node knows: counted as the longest range allowed. From a tag on it is a few blocks at most: none counted.
 */
export const logSpan = (params: unknown): bigint => {
  const filter = listOf(params)[0];
  if (!isRecord(filter) || isGiven(filter["blockHash"])) return 0n;
  const [from, to] = [blockOf(filter["fromBlock"]), blockOf(filter["toBlock"])];
  if (from === undefined) return 0n;
  if (to === undefined) return BigInt(maxLogBlocks);
  return to < from ? 0n : to - from + 1n;
};

/** Nodes read some objects from lists too, by the order of their members: a list would pass unseen. */
const logRange = (params: unknown): Refusal => {
  const [filter, ...rest] = listOf(params);
  if (!isRecord(filter) || rest.length > 0) return refuse("The filter must be an object.", "Send [{ … }].");
  return logSpan(params) <= BigInt(maxLogBlocks)
    ? null
    : refuse(`Logs are read over at most ${maxLogBlocks} blocks.`, "Ask for smaller ranges, one after the other.");
};

/** Options of `evm_mine`, wherever the node would find them: `[{…}]`, `{…}` or `{ params: … }`. */
const mineOptions = (params: unknown): Refusal => {
  const candidates = isRecord(params) ? [params, params["params"]] : listOf(params);
  const nested = candidates.flatMap((candidate) =>
    isRecord(candidate) ? [candidate, candidate["params"]] : [candidate],
  );
  if (nested.some(Array.isArray)) return refuse("The options must be an object.", "Send [{ timestamp, blocks }].");
  return firstOf(
    ...nested.map((candidate) =>
      isRecord(candidate) ? within(candidate["blocks"], 0n, BigInt(maxMinedBlocks), "blocks") : null,
    ),
  );
};

const payloadMembers = new Set(["blockStateCalls", "traceTransfers", "validation", "returnFullTransactions"]);
const simulatedMembers = new Set(["blockOverrides", "stateOverrides", "calls"]);

const hasOnly = (value: unknown, members: ReadonlySet<string>): value is Record<string, unknown> =>
  isRecord(value) && Object.keys(value).every((name) => members.has(name));

/** Every call of a simulation counts, whatever block it is put in. Only the form that it can be counted in is taken. */
const simulate = (params: unknown): Refusal => {
  const payload = listOf(params)[0];
  const blocks = hasOnly(payload, payloadMembers) ? payload["blockStateCalls"] : undefined;
  const isCountable =
    Array.isArray(blocks) &&
    blocks.every(
      (block) => hasOnly(block, simulatedMembers) && (!isGiven(block["calls"]) || Array.isArray(block["calls"])),
    );
  if (!isCountable) {
    return refuse(
      `A simulation is an object with ${[...payloadMembers].join(", ")}; a block has ${[...simulatedMembers].join(", ")}.`,
      "Send [{ blockStateCalls: [{ calls: [ … ] }] }, block].",
    );
  }
  const calls = blocks.reduce<number>((sum, { calls: some }) => sum + (Array.isArray(some) ? some.length : 0), 0);
  return blocks.length <= 64 && calls <= 1_000
    ? null
    : refuse("At most 64 blocks and 1000 calls can be simulated at once.", "Split the simulation.");
};

/** A tracer may be a program in JavaScript that the node would run: only the built-in ones are let through. */
const tracer = (value: unknown, depth = 0): Refusal => {
  if (typeof value !== "object" || value === null) return null;
  if (depth > 8) return refuse("The parameters are nested too deeply.", "Send plain tracing options.");
  for (const [name, member] of Object.entries(value)) {
    if (name === "tracer" && member !== null && (typeof member !== "string" || !tracers.has(member))) {
      return refuse("Only built-in tracers can be used.", `Use one of: ${[...tracers].join(", ")}.`);
    }
    const inner = tracer(member, depth + 1);
    if (inner) return inner;
  }
  return null;
};

/** What a replay may be asked for: the one list among the options of traces. */
const replayed = new Set<unknown>(["trace", "vmTrace", "stateDiff"]);

const traceOptions = (params: unknown): Refusal =>
  listOf(params).some((member) => Array.isArray(member) && !member.every((kind) => replayed.has(kind)))
    ? refuse("Options of a trace must be an object.", "Send the options as { tracer, … }.")
    : tracer(params);

const traceRange = (params: unknown): Refusal => {
  const [filter, ...rest] = listOf(params);
  if (!isRecord(filter) || rest.length > 0) return refuse("The filter must be an object.", "Send [{ … }].");
  const [from, to] = [blockOf(filter["fromBlock"]), blockOf(filter["toBlock"])];
  return from !== undefined && to !== undefined && to - from < 1_000n
    ? null
    : refuse("A trace filter needs fromBlock and toBlock, at most 1000 blocks apart.", "Name both ends.");
};

/** Anything but nothing could carry a fork: `[]`, `[null]`, `[{}]` are let through, all else is refused. */
const reset = (params: unknown): Refusal => {
  const members = Array.isArray(params) ? params : params === undefined || params === null ? [] : [params];
  const isEmpty = (member: unknown) => member === null || (isRecord(member) && Object.keys(member).length === 0);
  return members.length <= 1 && members.every(isEmpty)
    ? null
    : refuse("A reset can't name a fork.", "Reset without parameters, or make a chain with the setting fork.");
};

const rawTransaction = (params: unknown): Refusal => {
  const raw = listOf(params)[0];
  if (typeof raw === "string" && raw.length <= maxRawTransactionCharacters && /^0x(?:[0-9a-fA-F]{2})+$/.test(raw)) {
    return null;
  }
  return refuse("The first parameter must be a signed transaction in hexadecimal.", "Sign it at the client.");
};

const reorg = (params: unknown): Refusal => {
  const [first, pairs] = Array.isArray(params) ? params : [params, undefined];
  const depth = isRecord(first) ? first["depth"] : first;
  const transactions = isRecord(first) ? (first["tx_block_pairs"] ?? first["txBlockPairs"]) : pairs;
  if (Array.isArray(transactions) && transactions.length > 100) {
    return refuse("At most 100 transactions can be put into a reorganisation.", "Split it.");
  }
  return within(depth, 0n, maxDepth, "The depth");
};

const storageValues = (params: unknown): Refusal => {
  const wanted = listOf(params)[0];
  if (!isRecord(wanted)) return refuse("The slots must be an object.", "Send [{ address: [slot, …] }, block].");
  const keys = Object.values(wanted);
  const count = keys.reduce<number>((sum, slots) => sum + (Array.isArray(slots) ? slots.length : 1), 0);
  return count <= 1_024 ? null : refuse("At most 1024 slots can be read at once.", "Split the call.");
};

/** For methods whose parameters have places: nodes take no object for them, and a check would find nothing in one. */
const placed =
  (check: (params: readonly unknown[]) => Refusal) =>
  (params: unknown): Refusal =>
    Array.isArray(params) || !isGiven(params)
      ? check(listOf(params))
      : refuse("Parameters must be a list.", "Send them as a list, in the method's order.");

const checks: { readonly [bound in BoundName]: (params: unknown) => Refusal } = {
  feeHistory: placed(([count]) => within(count, 0n, 1_024n, "The number of blocks")),
  logRange: placed(logRange),
  rawTransaction,
  simulate: placed(simulate),
  storageValues: placed(storageValues),
  mine: placed(([count, interval]) =>
    firstOf(
      within(count, 0n, BigInt(maxMinedBlocks), "The number of blocks"),
      within(interval, 0n, 1_000_000_000n, "The interval"),
    ),
  ),
  mineOptions,
  // Nothing in the parameters: the name marks calls whose number a gateway may bound per chain.
  snapshot: () => null,
  revert: () => null,
  stateLoad: placed(stateProblem),
  interval: placed(([seconds]) => within(seconds, 0n, 86_400n, "The interval (whole seconds, 0 for off)")),
  gasLimit: placed(([limit]) => within(limit, 21_000n, maxBlockGas, "The block gas limit")),
  depth: reorg,
  time: placed(([time]) => within(time, 0n, maxSeconds, "The time")),
  reset,
  tracer: placed(traceOptions),
  traceRange: placed(traceRange),
  page: placed((params) => within(params.at(-1), 0n, 100n, "The page size")),
};

/** Checks parsed params against a bound of the tables. Pure. An unknown bound refuses. */
export const checkBound = (bound: string, params: unknown): Refusal =>
  Object.hasOwn(checks, bound)
    ? checks[bound as BoundName](params)
    : refuse("The method is not offered.", "The plane has no check for its parameters: tell the operator.");
