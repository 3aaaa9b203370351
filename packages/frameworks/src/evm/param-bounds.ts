import type { BoundName } from "./method-table.ts";

type Refusal = { message: string; hint: string } | null;

export const maxLogBlocks = 5_000;
export const maxMinedBlocks = 1_000;
/** Of the hexadecimal text, so about half of it in bytes. */
export const maxStateCharacters = 5 * 1024 * 1024;
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

const blockOf = (value: unknown): bigint | undefined => (value === "earliest" ? 0n : toQuantity(value));

/** Blocks that a filter spans, or `undefined` when one end is a tag whose height only the node knows. */
export const logSpan = (params: unknown): bigint | undefined => {
  const filter = listOf(params)[0];
  if (!isRecord(filter) || filter["blockHash"] !== undefined) return undefined;
  const [from, to] = [blockOf(filter["fromBlock"]), blockOf(filter["toBlock"])];
  return from === undefined || to === undefined || to < from ? undefined : to - from + 1n;
};

/** Options of `evm_mine`, wherever the node would find them: `[{…}]`, `{…}` or `{ params: … }`. */
const mineOptions = (params: unknown): Refusal => {
  const candidates = isRecord(params) ? [params, params["params"]] : listOf(params);
  const nested = candidates.flatMap((candidate) => (isRecord(candidate) ? [candidate, candidate["params"]] : []));
  return firstOf(
    ...nested.map((candidate) =>
      isRecord(candidate) ? within(candidate["blocks"], 0n, BigInt(maxMinedBlocks), "blocks") : null,
    ),
  );
};

/** Every call of a simulation counts, whatever block it is put in. */
const simulate = (params: unknown): Refusal => {
  const payload = listOf(params)[0];
  const blocks = isRecord(payload) && Array.isArray(payload["blockStateCalls"]) ? payload["blockStateCalls"] : [];
  const calls = blocks.reduce<number>(
    (sum, block) => sum + (isRecord(block) && Array.isArray(block["calls"]) ? block["calls"].length : 0),
    0,
  );
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

const traceRange = (params: unknown): Refusal => {
  const filter = Array.isArray(params) ? params[0] : params;
  if (!isRecord(filter)) return null;
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

const stateLoad = (params: unknown): Refusal => {
  const state = listOf(params)[0];
  return typeof state === "string" && state.length <= maxStateCharacters
    ? null
    : refuse(`A state is a text of at most ${maxStateCharacters} characters.`, "Load a smaller state.");
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
  const keys = isRecord(wanted) ? Object.values(wanted) : [];
  const count = keys.reduce<number>((sum, slots) => sum + (Array.isArray(slots) ? slots.length : 1), 0);
  return count <= 1_024 ? null : refuse("At most 1024 slots can be read at once.", "Split the call.");
};

const checks: { readonly [bound in BoundName]: (params: unknown) => Refusal } = {
  feeHistory: (params) => within(listOf(params)[0], 0n, 1_024n, "The number of blocks"),
  logRange: (params) =>
    (logSpan(params) ?? 0n) <= BigInt(maxLogBlocks)
      ? null
      : refuse(`Logs are read over at most ${maxLogBlocks} blocks.`, "Ask for smaller ranges, one after the other."),
  rawTransaction,
  simulate,
  storageValues,
  mine: (params) =>
    firstOf(
      within(listOf(params)[0], 0n, BigInt(maxMinedBlocks), "The number of blocks"),
      within(listOf(params)[1], 0n, 1_000_000_000n, "The interval"),
      isRecord(params) ? refuse("Parameters must be a list.", "Send [blocks, interval].") : null,
    ),
  mineOptions,
  // Nothing in the parameters: the name marks calls whose number a gateway may bound per chain.
  snapshot: () => null,
  revert: () => null,
  stateLoad,
  interval: (params) => within(listOf(params)[0], 0n, 86_400n, "The interval (whole seconds, 0 for off)"),
  gasLimit: (params) => within(listOf(params)[0], 21_000n, maxBlockGas, "The block gas limit"),
  depth: reorg,
  time: (params) => within(listOf(params)[0], 0n, maxSeconds, "The time"),
  reset,
  tracer,
  traceRange,
  page: (params) => within(listOf(params).at(-1), 0n, 100n, "The page size"),
};

/** Checks parsed params against a bound of the tables. Pure. An unknown bound refuses. */
export const checkBound = (bound: string, params: unknown): Refusal =>
  Object.hasOwn(checks, bound)
    ? checks[bound as BoundName](params)
    : refuse("The method is not offered.", "See the framework's page for the methods it offers.");
