import type { JsonValue } from "@portolan/domain";
import { z } from "zod";
import type { ActionContext } from "../../framework.ts";
import { type ChaincodeWish, isAsWished, toDefinition, wishedPackage } from "../chaincode-wish.ts";
import {
  approvedDefinition,
  committedDefinition,
  installChaincode,
  lifecycleChaincode,
  toApprovalArgs,
  toCommitArgs,
} from "../client/lifecycle.ts";
import { submitTransaction } from "../client/peer-gateway.ts";
import { Refusal, toRefusedError } from "../client/refusal.ts";
import { missingApprovals, wantedSequence } from "../inspect/ask-chaincode.ts";
import { done, insist, openTurn, speakerOf, type Turn, until, whenReady, wishOf } from "./context.ts";

const queryTimeoutMs = 15_000;
const installTimeoutMs = 90_000;
const submitTimeoutMs = 60_000;
const insistMs = 15_000;

const installInput = z.object({ name: z.string(), nodes: z.array(z.string()), package: z.string() });

/** Installs a package on peers. */
export const install = async (context: ActionContext): Promise<JsonValue> => {
  const turn = openTurn(context, installInput);
  const bytes = new Uint8Array(Buffer.from(turn.input.package, "base64"));
  const one = async (node: string): Promise<void> => {
    await whenReady(turn, node, "peer");
    const session = await turn.network.peer(node);
    try {
      const options = { timeoutMs: installTimeoutMs, signal: turn.signal };
      await insist(turn.signal, insistMs, () => installChaincode(session, bytes, options));
    } catch (error) {
      throw toRefusedError(`${node} did not install chaincode ${turn.input.name}`, error);
    }
  };
  await Promise.all(turn.input.nodes.map(one));
  return done({ nodes: turn.input.nodes });
};

const approveInput = z.object({ channel: z.string(), name: z.string(), organisations: z.array(z.string()) });

/** A retry of what a lost answer had done already. */
const isApprovedAlready = (error: unknown): boolean =>
  error instanceof Refusal &&
  error.message.includes("attempted to redefine") &&
  !error.message.includes("with different parameters");

const approveFor = async (turn: Turn<unknown>, wish: ChaincodeWish, organisation: string): Promise<number> => {
  const peer = await speakerOf(turn, organisation);
  await whenReady(turn, peer, "peer");
  const session = await turn.network.peer(peer);
  const options = { timeoutMs: queryTimeoutMs, signal: turn.signal };
  const committed = await committedDefinition(session, wish.channel, wish.name, options);
  const sequence = wantedSequence(wish, committed);
  const approved = await approvedDefinition(session, wish.channel, wish.name, sequence, options);
  const seen = { committed, approvals: approved === null ? {} : { [organisation]: approved } };
  if (missingApprovals(wish, seen, [organisation]).length === 0) return sequence;
  const args = toApprovalArgs(toDefinition(wish, sequence), wishedPackage(wish, organisation));
  const { mspId } = turn.network.organisation(organisation);
  try {
    await submitTransaction(
      session,
      { channelId: wish.channel, chaincode: lifecycleChaincode, args, endorsingOrganisations: [mspId] },
      { timeoutMs: submitTimeoutMs, signal: turn.signal },
    );
  } catch (error) {
    if (!isApprovedAlready(error)) throw error;
  }
  return sequence;
};

/** Organisations of the region approve a chaincode, each by itself and all at the same time. */
export const approve = async (context: ActionContext): Promise<JsonValue> => {
  const turn = openTurn(context, approveInput);
  const wish = wishOf(turn);
  const one = async (organisation: string): Promise<number> => {
    try {
      return await approveFor(turn, wish, organisation);
    } catch (error) {
      throw toRefusedError(`${organisation} could not approve chaincode ${wish.name}`, error);
    }
  };
  const sequences = await Promise.all(turn.input.organisations.map(one));
  return done({ sequence: Math.max(...sequences) });
};

const commitInput = z.object({ channel: z.string(), name: z.string() });

/** Peers of other organisations hear of an approval a moment after its own have written it down. */
const isNotAgreedYet = (error: unknown): boolean =>
  error instanceof Refusal && /not agreed to by this org|failed to invoke backing implementation/.test(error.message);

const agreementMs = 10_000;

const commitAt = async (turn: Turn<unknown>, wish: ChaincodeWish, host: string): Promise<number> => {
  const peer = await speakerOf(turn, host);
  await whenReady(turn, peer, "peer");
  const session = await turn.network.peer(peer);
  const options = { timeoutMs: queryTimeoutMs, signal: turn.signal };
  let last: unknown;
  const sequence = await until(turn.signal, agreementMs, async () => {
    const committed = await committedDefinition(session, wish.channel, wish.name, options);
    if (committed !== null && isAsWished(wish, committed)) return committed.sequence;
    const args = toCommitArgs(toDefinition(wish, wantedSequence(wish, committed)));
    try {
      await submitTransaction(
        session,
        { channelId: wish.channel, chaincode: lifecycleChaincode, args, endorsingOrganisations: [] },
        { timeoutMs: submitTimeoutMs, signal: turn.signal },
      );
    } catch (error) {
      if (!isNotAgreedYet(error)) throw error;
      last = error;
    }
    return undefined;
  });
  if (sequence === undefined) throw last;
  return sequence;
};

/** The channel takes an approved definition into use. */
export const commit = async (context: ActionContext): Promise<JsonValue> => {
  const turn = openTurn(context, commitInput);
  const wish = wishOf(turn);
  const host = wish.hosts[0] ?? wish.organisations[0] ?? "";
  try {
    return done({ sequence: await commitAt(turn, wish, host) });
  } catch (error) {
    throw toRefusedError(
      `Channel ${wish.channel} did not take chaincode ${wish.name} into use`,
      error,
      "Enough organisations must have approved it: see the channel's lifecycle policy.",
    );
  }
};
