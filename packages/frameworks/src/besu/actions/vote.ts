import { DomainError, type JsonValue } from "@portolan/domain";
import { z } from "zod";
import type { ActionContext } from "../../framework.ts";
import { toInForce, toPending } from "../inspect/look-at-node.ts";
import { addressShape, numberOf, resultOf, type Said } from "../node-rpc.ts";
import { majorityOf } from "../quorum.ts";
import { type ActionClock, openTurn, orSilent, type Turn, until } from "./context.ts";

const voteInput = z.object({
  address: addressShape,
  /** In or out. */
  isAdded: z.boolean(),
  /** Validators of the region that are to vote. */
  voters: z.array(z.string()).min(1),
  /** The node that is to come in, where it stands in this region: while it does not answer nobody votes for it. */
  candidate: z.string().optional(),
});

type VoteTurn = Turn<z.output<typeof voteInput>>;

interface VoterState {
  node: string;
  height: number;
  inForce: string[];
  /** Undefined: the node does not say what it would vote. */
  pending: { [address: string]: boolean } | undefined;
}

const readPending = (said: Said | undefined): VoterState["pending"] => {
  try {
    return toPending(resultOf(said));
  } catch {
    return undefined;
  }
};

const readVoter = async (turn: VoteTurn, node: string): Promise<VoterState> => {
  const [height, inForce, pending] = await turn.ask(node, [
    { method: "eth_blockNumber" },
    { method: "qbft_getValidatorsByBlockNumber", params: ["latest"] },
    { method: "qbft_getPendingVotes" },
  ]);
  return {
    node,
    height: numberOf(resultOf(height)),
    inForce: toInForce(resultOf(inForce)),
    pending: readPending(pending),
  };
};

const readVoters = async (turn: VoteTurn): Promise<VoterState[]> => {
  const states = await Promise.all(turn.input.voters.map((node) => orSilent(turn, () => readVoter(turn, node))));
  return states.filter((state) => state !== undefined);
};

const isInForce = ({ input }: VoteTurn, states: readonly VoterState[]): boolean => {
  const [best] = states.toSorted((a, b) => b.height - a.height);
  return best !== undefined && best.inForce.includes(input.address) === input.isAdded;
};

/** Takes back all that the node would vote, or only what is left of this vote. */
const takeBack = async (turn: VoteTurn, { node, pending }: VoterState, isOver: boolean): Promise<void> => {
  const { address, isAdded } = turn.input;
  const known = Object.entries(pending ?? { [address]: isAdded });
  const unwanted = known.filter(([other, vote]) => isOver || other !== address || vote !== isAdded);
  if (unwanted.length === 0) return;
  const calls = unwanted.map(([other]) => ({ method: "qbft_discardValidatorVote", params: [other] }));
  for (const said of await turn.ask(node, calls)) resultOf(said);
};

const propose = async (turn: VoteTurn, state: VoterState): Promise<void> => {
  const { address, isAdded } = turn.input;
  // One change at a time: what it would vote besides is nobody's wish now.
  await takeBack(turn, { ...state, pending: state.pending ?? {} }, false);
  if (state.pending?.[address] === isAdded) return;
  const [said] = await turn.ask(state.node, [{ method: "qbft_proposeValidatorVote", params: [address, isAdded] }]);
  resultOf(said);
};

/** Whether the node that is to come in has died meanwhile: it would count from then on and seal nothing. */
const isLost = async (turn: VoteTurn): Promise<boolean> => {
  const { candidate } = turn.input;
  if (candidate === undefined) return false;
  const height = await orSilent(turn, async () => {
    const [said] = await turn.ask(candidate, [{ method: "eth_blockNumber" }]);
    return numberOf(resultOf(said));
  });
  return height === undefined;
};

const toLost = ({ input }: VoteTurn): DomainError =>
  new DomainError({
    code: "step.failed",
    message: `${input.candidate ?? input.address} does not answer, so that nobody votes it in.`,
    hint: "It is voted for once it answers again; its logs name the cause.",
    retryable: true,
  });

const toTimeout = (turn: VoteTurn, last: readonly VoterState[]): DomainError => {
  const { address, isAdded } = turn.input;
  const name = Object.entries(turn.inspection.nodes).find(([, node]) => node.address.toLowerCase() === address)?.[0];
  const count = last[0]?.inForce.length ?? 0;
  const voting = last.filter(({ pending }) => pending === undefined || pending[address] === isAdded).length;
  return new DomainError({
    code: "step.failed",
    message: `${name ?? address} is not voted ${isAdded ? "in" : "out"} yet: of ${count} validators ${majorityOf(count)} have to vote, and ${voting} do here.`,
    hint: "Votes are counted as their validators propose blocks, and it is tried again. If no blocks come, look at the validators.",
    retryable: true,
  });
};

/**
 * Lets the region's validators vote until the change is in force, wherever its majority comes from, and takes their votes
 * back then. A vote that is there already is left; one that a restarted node has forgotten is cast again. What was in
 * force before only has its votes taken back, so that it can be repeated at any point.
 */
export const vote =
  (clock: ActionClock) =>
  async (context: ActionContext): Promise<JsonValue> => {
    const turn = openTurn(context, voteInput, clock);
    let last: VoterState[] = [];
    const settled = await until(turn, async () => {
      last = await readVoters(turn);
      if (isInForce(turn, last)) return last;
      if (await isLost(turn)) {
        await Promise.all(last.map((state) => orSilent(turn, () => takeBack(turn, state, true))));
        throw toLost(turn);
      }
      await Promise.all(last.map((state) => orSilent(turn, () => propose(turn, state))));
      return undefined;
    });
    if (settled === undefined) throw toTimeout(turn, last);
    // What a node that fell silent keeps is found at the next look (`validator.discard`).
    await Promise.all(settled.map((state) => orSilent(turn, () => takeBack(turn, state, true))));
    const [best] = settled.toSorted((a, b) => b.height - a.height);
    return { block: best?.height ?? 0, validators: best?.inForce ?? [] };
  };
