import { z } from "zod";
import type { NetworkAccess } from "../framework.ts";
import { exchangeJson } from "../http-exchange.ts";
import { ports } from "./topology.ts";

const answers = z.array(
  z.object({
    id: z.number(),
    result: z.unknown(),
    error: z.object({ code: z.number(), message: z.string() }).optional(),
  }),
);

export interface Call {
  method: string;
  params?: readonly unknown[];
}

/** What a node said to one call; `error` is its own words, bounded. */
export type Said = { result: unknown } | { error: string };

/** How long a node may take to answer a batch. */
export const rpcTimeoutMs = 3_000;
const maxErrorLength = 200;

/**
 * Asks a node for several things at once, over its own port. One answer for each call, in their order; a call that the
 * node refuses costs that call only. Throws when the node does not answer, or with something else than a batch.
 */
export const askNode = async (
  access: Pick<NetworkAccess, "dial">,
  node: string,
  calls: readonly Call[],
  { signal, timeoutMs = rpcTimeoutMs }: { signal: AbortSignal; timeoutMs?: number },
): Promise<Said[]> => {
  const { host, port } = await access.dial(node, ports.rpc);
  const body = calls.map(({ method, params = [] }, id) => ({ jsonrpc: "2.0", id, method, params }));
  const answer = await exchangeJson({ host, port, path: "/", body, timeoutMs, signal });
  const byId = new Map(answers.parse(answer).map((one) => [one.id, one]));
  return calls.map(({ method }, id): Said => {
    const one = byId.get(id);
    if (one === undefined) return { error: `no answer to ${method}` };
    return one.error === undefined ? { result: one.result } : { error: one.error.message.slice(0, maxErrorLength) };
  });
};

/** The result of a call that must have one; throws what the node said instead. */
export const resultOf = (said: Said | undefined): unknown => {
  if (said === undefined) throw new Error("the node did not answer");
  if ("error" in said) throw new Error(said.error);
  return said.result;
};

const quantity = z.string().regex(/^0x[0-9a-fA-F]{1,16}$/);

/** A number that fits a double: heights, times, counts. */
export const numberOf = (value: unknown): number => Number(quantity.parse(value));

/** 0x and 40 digits, lower case. */
export const addressShape = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/)
  .transform((text) => text.toLowerCase());
