import { z } from "zod";
import { exchange } from "../../http-exchange.ts";

/** What a node says when it refuses a call: a status and, of most, its errors' ids (`proto.genesis.invalid_signature`). */
export class RpcRefusal extends Error {
  readonly status: number;
  /** Ids of the errors, the cause last, as the node lists them. */
  readonly ids: readonly string[];

  constructor(status: number, ids: readonly string[], message: string) {
    super(message);
    this.name = "RpcRefusal";
    this.status = status;
    this.ids = ids;
  }
}

/** One node's HTTP interface. Answers are bounded and not trusted: whoever asks parses them. */
export interface NodeRpc {
  /** Throws `RpcRefusal` for any status but 200, and whatever the socket throws where nothing answers in time. */
  get(path: string): Promise<unknown>;
  post(path: string, body: unknown): Promise<unknown>;
}

export interface NodeRpcDeps {
  /** `host:port`, looked up at each call: a node may have moved. */
  dial(): Promise<{ host: string; port: number }>;
  timeoutMs: number;
  signal: AbortSignal;
}

/** Parameters of a chain with many accounts come back in answers; a block is never that large. */
const maxBytes = 4_194_304;
const maxSaid = 300;

const errors = z.array(z.looseObject({ id: z.string(), msg: z.string().optional(), error: z.string().optional() }));

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** The node's own words, shortened. Some errors have a message, most have an id only. */
const toRefusal = (status: number, text: string): RpcRefusal => {
  const list = errors.safeParse(parse(text));
  if (!list.success) return new RpcRefusal(status, [], `status ${status}: ${text.trim().slice(0, maxSaid)}`);
  const ids = list.data.map(({ id }) => id);
  const said = list.data.map(({ id, msg, error }) =>
    [id, msg ?? error].filter((word) => word !== undefined).join(": "),
  );
  return new RpcRefusal(status, ids, said.join("; ").slice(0, maxSaid));
};

export const createNodeRpc = ({ dial, timeoutMs, signal }: NodeRpcDeps): NodeRpc => {
  const call = async (path: string, body?: unknown): Promise<unknown> => {
    const { host, port } = await dial();
    const sent =
      body === undefined ? {} : { body: { bytes: Buffer.from(JSON.stringify(body)), type: "application/json" } };
    const answer = await exchange({ host, port, path, ...sent, maxBytes, timeoutMs, signal });
    const text = answer.body.toString("utf8");
    if (answer.status !== 200) throw toRefusal(answer.status, text);
    const value = parse(text);
    if (value === undefined) throw new Error("the answer is not JSON");
    return value;
  };
  return { get: (path) => call(path), post: call };
};
