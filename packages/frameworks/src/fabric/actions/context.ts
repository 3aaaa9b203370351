import { setTimeout as sleep } from "node:timers/promises";
import { DomainError, type JsonObject } from "@portolan/domain";
import type { z } from "zod";
import type { ActionContext } from "../../framework.ts";
import type { ChaincodeWish } from "../chaincode-wish.ts";
import { createNetwork, type Network } from "../client/network.ts";
import { Refusal } from "../client/refusal.ts";
import { type Inspection, readInspection } from "../inspection.ts";

/** What every action works with. */
export interface Turn<Input> {
  input: Input;
  inspection: Inspection;
  network: Network;
  signal: AbortSignal;
  /** The region in which it runs: only its nodes are dialled. */
  region: string;
}

export const openTurn = <Input>(context: ActionContext, shape: z.ZodType<Input>): Turn<Input> => {
  const inspection = readInspection(context.chain.inspection);
  if (inspection === undefined)
    throw new DomainError({
      code: "step.failed",
      message: "The network's certificates are not made.",
      retryable: true,
    });
  const { access, signer, signal } = context;
  return {
    input: shape.parse(context.step.input),
    inspection,
    network: createNetwork({ inspection, access, signer }),
    signal,
    region: access.region,
  };
};

const pauseMs = 25;

/**
 * Asks again and again until there is an answer that is not undefined, or the time is over: undefined then. What the
 * question throws goes through.
 */
export const until = async <Answer>(
  signal: AbortSignal,
  timeoutMs: number,
  ask: () => Promise<Answer | undefined>,
  everyMs = pauseMs,
): Promise<Answer | undefined> => {
  const endsAt = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() + everyMs > endsAt) return undefined;
    await sleep(everyMs, undefined, { signal });
  }
};

/** A node that was only just started takes its time. */
const readyTimeoutMs = 10_000;
const tryMs = 1_000;

/** Waits for a node's gRPC port. Throws `node.unhealthy`. */
export const whenReady = async (turn: Turn<unknown>, node: string, kind: "peer" | "orderer"): Promise<void> => {
  const { network, signal } = turn;
  const ready = await until(signal, readyTimeoutMs, async () => {
    const target = await (kind === "peer" ? network.peerTarget(node) : network.ordererTarget(node));
    return (await network.clients.isReady(target, tryMs)) ? true : undefined;
  });
  if (ready === true) return;
  throw new DomainError({
    code: "node.unhealthy",
    message: `Node ${node} does not answer.`,
    hint: "It is tried again; the node's logs name the cause.",
    retryable: true,
  });
};

/** Repeats a call that never reached its node, for a while. */
export const insist = async <Answer>(
  signal: AbortSignal,
  timeoutMs: number,
  call: () => Promise<Answer>,
): Promise<Answer> => {
  let last: unknown;
  const answer = await until(signal, timeoutMs, async () => {
    try {
      return { value: await call() };
    } catch (error) {
      if (!(error instanceof Refusal && error.isUnreached)) throw error;
      last = error;
      return undefined;
    }
  });
  if (answer === undefined) throw last;
  return answer.value;
};

export const wishOf = (turn: Turn<{ channel: string; name: string }>): ChaincodeWish => {
  const { channel, name } = turn.input;
  const found = turn.inspection.chaincodes.find((wish) => wish.channel === channel && wish.name === name);
  if (found !== undefined) return found;
  throw new DomainError({
    code: "step.failed",
    message: `Chaincode ${name} is not wished on channel ${channel} any more.`,
    retryable: true,
  });
};

/** One of an organisation's peers, the first in the region. */
export const speakerOf = async (turn: Turn<unknown>, organisation: string): Promise<string> => {
  const { peers } = turn.network.organisation(organisation);
  for (const peer of peers) if (await turn.network.isHere(peer)) return peer;
  throw new DomainError({
    code: "region.unreachable",
    message: `No peer of ${organisation} is in region ${turn.region}.`,
    retryable: true,
  });
};

export const done = (value: object): JsonObject => JSON.parse(JSON.stringify(value)) as JsonObject;
