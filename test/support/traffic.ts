import { postRaw, type RpcAnswer } from "./json-rpc.ts";
import type { RpcItem } from "./recording-proxy.ts";

/**
 * What a call weighs, in tenths of a compute unit: the published table, written down here a second time on purpose.
 * A method that is missing here makes the count fail.
 */
export const publishedWeight = ({ method, params }: RpcItem): number => {
  const list = Array.isArray(params) ? params : [];
  switch (method) {
    case "eth_chainId":
    case "net_version":
    case "web3_clientVersion":
    case "web3_sha3":
      return 0;
    case "eth_getBlockByNumber":
      return list[1] === true ? 20 : 10;
    case "eth_blockNumber":
    case "eth_gasPrice":
    case "eth_getBalance":
    case "eth_getCode":
    case "eth_getTransactionByHash":
    case "eth_feeHistory":
    case "eth_accounts":
    case "anvil_setBalance":
      return 10;
    case "eth_call":
      return 30;
    case "eth_estimateGas":
      return 50;
    case "eth_getProof":
    case "eth_getLogs":
    case "eth_sendTransaction":
    case "eth_sendRawTransaction":
      return 100;
    case "debug_traceTransaction":
      return 500;
    default:
      throw new Error(`${method} has no published weight here`);
  }
};

const someone = "0x00000000000000000000000000000000000b0b0b";
const noTransaction = `0x${"ab".repeat(32)}`;

type Draw = () => number;
const pick = <Value>(draw: Draw, list: readonly Value[]): Value => {
  const found = list[Math.floor(draw() * list.length)];
  if (found === undefined) throw new Error("nothing to pick from");
  return found;
};

/** Calls that the node answers, some of them with an error. */
const forwarded = (draw: Draw, accounts: readonly string[]): RpcItem => {
  const from = pick(draw, accounts);
  return pick<() => RpcItem>(draw, [
    () => ({ method: "eth_chainId", params: [] }),
    () => ({ method: "net_version", params: [] }),
    () => ({ method: "web3_sha3", params: ["0x68656c6c6f"] }),
    () => ({ method: "eth_blockNumber", params: [] }),
    () => ({ method: "eth_gasPrice", params: [] }),
    () => ({ method: "eth_getBalance", params: [from, "latest"] }),
    () => ({ method: "eth_getBalance", params: ["not an address", "latest"] }),
    () => ({ method: "eth_getCode", params: [someone, "latest"] }),
    () => ({ method: "eth_getBlockByNumber", params: ["latest", draw() < 0.5] }),
    () => ({ method: "eth_getTransactionByHash", params: [noTransaction] }),
    () => ({ method: "eth_feeHistory", params: ["0x4", "latest", []] }),
    () => ({ method: "eth_call", params: [{ from, to: someone, data: "0x" }, "latest"] }),
    () => ({ method: "eth_call", params: [{ to: "nonsense" }] }),
    () => ({ method: "eth_estimateGas", params: [{ from, to: someone, value: "0x1" }] }),
    () => ({ method: "eth_getLogs", params: [{ fromBlock: "0x0", toBlock: "0x64" }] }),
    () => ({ method: "eth_sendRawTransaction", params: ["0xdeadbeef"] }),
    () => ({ method: "anvil_setBalance", params: [someone, "0x1234"] }),
  ])();
};

/** Calls that no node sees. */
const refused = (draw: Draw): RpcItem =>
  pick<RpcItem>(draw, [
    { method: "admin_peers", params: [] },
    { method: "anvil_nodeInfo", params: [] },
    { method: "anvil_setRpcUrl", params: ["http://127.0.0.1:1"] },
    { method: "anvil_reset", params: [{ forking: { jsonRpcUrl: "http://127.0.0.1:1" } }] },
    { method: "no_such_method", params: [] },
    { method: "eth_getLogs", params: [{ fromBlock: "0x0", toBlock: "0xffff" }] },
    { method: "anvil_mine", params: ["0xffffff"] },
    { method: "rpc_modules", params: [] },
  ]);

export interface Shot {
  /** The body as it is sent. */
  body: string;
  /** Of these the node answers each, unless something breaks on the way. */
  items: readonly RpcItem[];
}

const ids = ["1", '"x"', "1.0", "12345678901234567890", '"\\u0061"', "null", "-0"];
const toText = (item: RpcItem, id: string | undefined): string =>
  `{"jsonrpc":"2.0",${id === undefined ? "" : `"id":${id},`}"method":${JSON.stringify(item.method)},"params":${JSON.stringify(item.params)}}`;

/** The next request of a mixed load: singles, batches, notifications, errors, refusals, rubbish. */
export const nextShot = (draw: Draw, accounts: readonly string[]): Shot => {
  const kind = draw();
  if (kind < 0.03) return { body: pick(draw, ["", "{", "[]", "7", '{"jsonrpc":"2.0"}', "[1,2]"]), items: [] };
  if (kind < 0.08) return { body: toText(refused(draw), "1"), items: [] };
  if (kind < 0.12) {
    const item = forwarded(draw, accounts);
    return { body: toText(item, undefined), items: [item] };
  }
  if (kind < 0.7) {
    const item = forwarded(draw, accounts);
    return { body: toText(item, pick(draw, ids)), items: [item] };
  }
  const items: RpcItem[] = [];
  const texts = Array.from({ length: 1 + Math.floor(draw() * 20) }, () => {
    const choice = draw();
    if (choice < 0.1) return toText(refused(draw), "5");
    const item = forwarded(draw, accounts);
    items.push(item);
    return toText(item, choice < 0.2 ? undefined : pick(draw, ids));
  });
  return { body: `[${texts.join(",")}]`, items };
};

export interface Load {
  /** Items that were sent and have no answer at this moment. */
  inFlight(): RpcItem[];
  /** Codes that refusals and failures carried, and how often. */
  readonly codes: ReadonlyMap<string, number>;
  /** Ends after what is in flight. */
  done: Promise<void>;
}

/**
 * Sends shots from several lanes, each with a key's URL of its own, until `isEnough`. A lane goes on after a failure:
 * what becomes of a call whose answer never came is for the counts to say.
 */
export const startLoad = (options: {
  urls: readonly string[];
  lanesPerUrl: number;
  draw: Draw;
  accounts: readonly string[];
  isEnough: () => boolean;
}): Load => {
  const outstanding = new Set<Shot>();
  const codes = new Map<string, number>();
  const note = (code: string) => codes.set(code, (codes.get(code) ?? 0) + 1);
  const hear = (text: string): void => {
    if (text === "") return;
    const value: RpcAnswer | RpcAnswer[] = JSON.parse(text);
    for (const { error } of Array.isArray(value) ? value : [value]) {
      const data = error?.data;
      if (typeof data === "object" && data !== null && "code" in data) note(String(data.code));
    }
  };
  const lane = async (url: string): Promise<void> => {
    while (!options.isEnough()) {
      const shot = nextShot(options.draw, options.accounts);
      outstanding.add(shot);
      try {
        const { status, text } = await postRaw(url, shot.body);
        hear(text);
        if (status === 429 || status === 503) await new Promise((resolve) => setTimeout(resolve, 100));
      } catch {
        note("no answer");
        await new Promise((resolve) => setTimeout(resolve, 50));
      } finally {
        outstanding.delete(shot);
      }
    }
  };
  const lanes = options.urls.flatMap((url) => Array.from({ length: options.lanesPerUrl }, () => lane(url)));
  return {
    inFlight: () => [...outstanding].flatMap(({ items }) => items),
    codes,
    done: Promise.all(lanes).then(() => undefined),
  };
};
