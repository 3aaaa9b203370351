import { createPublicKey, verify } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { DomainError, type JsonObject, type JsonValue } from "@portolan/domain";
import { z } from "zod";
import type { ActionContext } from "../../framework.ts";
import {
  activationFitness,
  assembleBlock,
  forgeParameters,
  forgeUnsigned,
  type ShellHeader,
  toSigned,
} from "../activation/activation-block.ts";
import { type Head, readHead, readKnownProtocols, readProtocol } from "../client/chain-state.ts";
import { createNodeRpc, type NodeRpc, RpcRefusal } from "../client/node-rpc.ts";
import { decodeBase58Check, encodeBase58Check } from "../encoding/base58check.ts";
import { encodings } from "../encoding/prefixes.ts";
import { type Inspection, readInspection } from "../inspection.ts";
import { materialNames } from "../names.ts";
import { activationInput, shortHash } from "../steps.ts";
import { activationNode, ports } from "../topology.ts";

interface Turn {
  rpc: NodeRpc;
  inspection: Inspection;
  protocol: string;
  parameters: JsonObject;
  context: ActionContext;
}

const callTimeoutMs = 20_000;

const openTurn = (context: ActionContext): Turn => {
  const inspection = readInspection(context.chain.inspection);
  if (inspection === undefined)
    throw new DomainError({ code: "step.failed", message: "The chain's genesis is not made.", retryable: true });
  const { access, signal, step } = context;
  const node = step.node ?? activationNode;
  const rpc = createNodeRpc({ dial: () => access.dial(node, ports.rpc), timeoutMs: callTimeoutMs, signal });
  return { rpc, inspection, context, ...activationInput.parse(step.input) };
};

const pauseMs = 50;

/** Asks again until there is an answer that is not undefined, or the time is over. */
const until = async <Answer>(
  signal: AbortSignal,
  timeoutMs: number,
  ask: () => Promise<Answer | undefined>,
): Promise<Answer | undefined> => {
  for (let leftMs = timeoutMs; ; leftMs -= pauseMs) {
    const answer = await ask();
    if (answer !== undefined || leftMs <= 0) return answer;
    await sleep(pauseMs, undefined, { signal });
  }
};

const readyTimeoutMs = 10_000;

/** The head of a node that may only just have been started. Throws `node.unhealthy`. */
const whenReady = async ({ rpc, context }: Turn): Promise<Head> => {
  const head = await until(context.signal, readyTimeoutMs, () => readHead(rpc).catch(() => undefined));
  if (head !== undefined) return head;
  throw new DomainError({
    code: "node.unhealthy",
    message: `Node ${context.step.node ?? activationNode} does not answer.`,
    hint: "It is tried again; the node's logs name the cause.",
    retryable: true,
  });
};

const refused = (message: string, hint: string): DomainError =>
  new DomainError({ code: "step.refused", message, hint });

/** What the node can't be brought to by an activation is said before anything is signed. */
const checkChain = async ({ rpc, inspection, protocol }: Turn, head: Head): Promise<void> => {
  if (head.chainId !== inspection.genesis.chainId)
    throw refused(
      `The node is on chain ${head.chainId}, not on ${inspection.genesis.chainId}.`,
      "Its volume has the data of another chain; a chain's genesis can't be changed.",
    );
  if (head.level > 0) return;
  if (!(await readKnownProtocols(rpc)).includes(protocol))
    throw refused(
      `The node does not know protocol ${protocol}.`,
      "Give the chain a version of Octez that has the protocol, or make it with another protocol.",
    );
};

/** Of a chain that has a block: whether the wished protocol is the one in force. */
const toOutcome = async ({ rpc, protocol }: Turn, { level, hash }: Head): Promise<JsonValue> => {
  const inForce = await readProtocol(rpc);
  if (inForce === protocol) return { protocol, level, head: hash };
  throw refused(
    `Protocol ${inForce} is in force, not ${shortHash(protocol)}.`,
    "A chain's protocol is chosen once, at its creation: make a new chain for another one.",
  );
};

const preapplied = z.object({
  shell_header: z.object({
    level: z.number().int(),
    proto: z.number().int(),
    predecessor: z.string(),
    timestamp: z.string(),
    validation_pass: z.number().int(),
    operations_hash: z.string(),
    fitness: z.array(z.string().regex(/^(?:[0-9a-f]{2})*$/)),
    context: z.string(),
  }),
});

/** A preapplication does not look at it. */
const noSignature = encodeBase58Check(encodings.signature.prefix, new Uint8Array(encodings.signature.size));

const secondMs = 1_000;
const minuteMs = 60 * secondMs;

/**
 * The block's time: the last full minute, so that two who do this at once make the very same block; but later than
 * block 0. Not the genesis' own time: rounds become longer with the time that passed since the last block.
 */
const toTimestampMs = ({ context, inspection }: Turn): number =>
  Math.max(
    Math.floor(context.access.now.getTime() / minuteMs) * minuteMs,
    Date.parse(inspection.genesis.timestamp) + secondMs,
  );

/** Lets the node work out the block's header: the hash of what the genesis' state is with the protocol put in. */
const preapply = async (turn: Turn): Promise<ShellHeader> => {
  const { rpc, inspection, protocol, parameters } = turn;
  const { genesis } = inspection;
  const timestampMs = toTimestampMs(turn);
  const content = {
    command: "activate",
    hash: protocol,
    fitness: activationFitness,
    protocol_parameters: Buffer.from(forgeParameters(parameters)).toString("hex"),
  };
  const answer = await rpc.post(
    `/chains/main/blocks/genesis/helpers/preapply/block?timestamp=${timestampMs / secondMs}`,
    { protocol_data: { protocol: genesis.protocol, content, signature: noSignature }, operations: [] },
  );
  const { validation_pass, operations_hash, ...header } = preapplied.parse(answer).shell_header;
  const isOurs =
    header.level === 1 &&
    header.predecessor === genesis.block &&
    Date.parse(header.timestamp) === timestampMs &&
    header.fitness.join() === activationFitness.join();
  // Nothing but this chain's first block is signed, whatever the node answers.
  if (!isOurs)
    throw new DomainError({
      code: "step.failed",
      message: "The node worked out the header of another block.",
      hint: "It is tried again; the node's logs name the cause.",
      retryable: true,
    });
  return { ...header, validationPass: validation_pass, operationsHash: operations_hash };
};

const derHead = Buffer.from("302a300506032b6570032100", "hex");

/** Whether the genesis will take it: a wrong signature is our own mistake and not the node's. */
const isSignedBy = (activator: string, digest: Uint8Array, signature: Uint8Array): boolean => {
  const { prefix, size } = encodings.ed25519PublicKey;
  const raw = decodeBase58Check(prefix, size, activator);
  const key = createPublicKey({ key: Buffer.concat([derHead, raw]), format: "der", type: "spki" });
  return verify(null, digest, key, signature);
};

const forge = async (turn: Turn): Promise<Uint8Array> => {
  const { inspection, protocol, parameters, context } = turn;
  const { activator, chainId } = inspection.genesis;
  const unsigned = forgeUnsigned(await preapply(turn), { protocol, fitness: activationFitness, parameters });
  const digest = toSigned(chainId, unsigned);
  const signature = await context.signer.sign(materialNames.activator, digest);
  if (!isSignedBy(activator, digest, signature))
    throw refused(
      "The activator's key is not the one that the genesis names.",
      "A chain that was brought here without its keys can't be activated; make a new one.",
    );
  return assembleBlock(unsigned, signature);
};

const settleMs = 15_000;
const lostAnswerMs = 2_000;

const findActivated = (turn: Turn, timeoutMs: number): Promise<Head | undefined> =>
  until(turn.context.signal, timeoutMs, async () => {
    const head = await readHead(turn.rpc).catch(() => undefined);
    return head !== undefined && head.level > 0 ? head : undefined;
  });

const toProblem = (error: unknown): unknown => {
  if (!(error instanceof RpcRefusal)) return error;
  return new DomainError({
    code: "step.refused",
    message: `The node did not take the activation: ${error.message}`,
    hint: "It names what is wrong with the protocol's parameters; the node's logs say more.",
    retryable: true,
    cause: error,
  });
};

/** The head after the block was injected, by this worker or by another. */
const inject = async (turn: Turn, block: Uint8Array): Promise<Head> => {
  let head: Head | undefined;
  try {
    await turn.rpc.post("/injection/block", { data: Buffer.from(block).toString("hex"), operations: [] });
    head = await findActivated(turn, settleMs);
  } catch (error) {
    // Refused: another's block may have come first. Not answered: the node may be at it still.
    head = await findActivated(turn, error instanceof RpcRefusal ? 0 : lostAnswerMs);
    if (head === undefined) throw toProblem(error);
  }
  if (head !== undefined) return head;
  throw new DomainError({
    code: "step.failed",
    message: "The node took the activation block and stays at block 0.",
    hint: "It is tried again; the node's logs name the cause.",
    retryable: true,
  });
};

/**
 * Brings the chain's protocol into force: has the node work out block 1, signs it with the activator's key, injects it.
 * Where a block beyond block 0 is there already nothing is done but to look at the protocol; so it may be done again after
 * an answer was lost, and by two at once: they make the same block, or the node keeps the first.
 */
export const activate = async (context: ActionContext): Promise<JsonValue> => {
  const turn = openTurn(context);
  const head = await whenReady(turn);
  await checkChain(turn, head);
  if (head.level > 0) return toOutcome(turn, head);
  const block = await forge(turn).catch((error: unknown) => {
    throw toProblem(error);
  });
  return toOutcome(turn, await inject(turn, block));
};
