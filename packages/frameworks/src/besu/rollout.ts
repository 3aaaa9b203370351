import type { NodeSpec } from "@portolan/domain";
import type { Framework } from "../framework.ts";
import { detailOf, inForceOf, nodesByAddress } from "./facts.ts";
import { mayStopOne } from "./quorum.ts";
import { roles } from "./topology.ts";

type RolloutInput = Parameters<Framework["rollout"]>[0];

interface Standing {
  /** Nodes of validators in force. */
  voters: ReadonlySet<string>;
  /** How many have a vote, those whose node is nowhere among them. */
  count: number;
  live: number;
  /** Whether each that is live has proposed a block since it was started. */
  isSettled: boolean;
}

const toStanding = ({ material, view, healthy }: RolloutInput): Standing => {
  const names = nodesByAddress(material);
  const inForce = inForceOf(view) ?? [];
  const voters = new Set(inForce.flatMap((address) => names.get(address) ?? []));
  const live = [...voters].filter((name) => healthy.includes(name));
  return {
    voters,
    count: inForce.length,
    live: live.length,
    isSettled: live.every((name) => detailOf(view, name)?.isSettled !== false),
  };
};

/** RPC nodes one at a time, each after the others are well, so that one of them answers where there are two. */
const nextRpc = (wanted: readonly NodeSpec[], { nodes, healthy }: RolloutInput): string[] => {
  const all = nodes.filter(({ role }) => role === roles.rpc);
  const isWell = all.every(({ name }) => healthy.includes(name));
  return isWell ? wanted.slice(0, 1).map(({ name }) => name) : [];
};

/**
 * Validators with a vote. One that is not well has nothing to lose, but it may only have been slow to answer: one at a
 * time while the others seal blocks, and all of them where nobody does, but those that run and were not heard: to restart
 * them would make a lost connection of the worker's a lost quorum.
 */
const nextVoter = (wanted: readonly NodeSpec[], standing: Standing, { healthy, view }: RolloutInput): string[] => {
  const { count, live, isSettled } = standing;
  const unwell = wanted.filter(({ name }) => !healthy.includes(name)).map(({ name }) => name);
  if (unwell.length > 0)
    return live * 3 > 2 * count ? unwell.slice(0, 1) : unwell.filter((name) => detailOf(view, name)?.isSilent !== true);
  const [first] = wanted;
  return first !== undefined && isSettled && mayStopOne(live, count) ? [first.name] : [];
};

/**
 * Nodes that may be changed now. New ones at once, and those without a vote that are not well. RPC nodes before
 * validators: a release that does not start is found where no vote depends on it. Validators one at a time while more
 * than two thirds stay live, each after the one before has proposed a block again. What only a new release of Portolan
 * writes differently restarts nothing that is well; before anything was seen of the network what runs is left alone.
 */
export const rollout = (input: RolloutInput): string[] => {
  const { nodes, changed, fresh, healthy, view } = input;
  if (view === null || inForceOf(view) === undefined) return [...fresh];
  const standing = toStanding(input);
  const wanted = nodes.filter(({ name }) =>
    changed.some(({ node, isRendererOnly }) => node === name && (!isRendererOnly || !healthy.includes(name))),
  );
  const voters = wanted.filter(({ name }) => standing.voters.has(name));
  const others = wanted.filter(({ name }) => !standing.voters.has(name));
  const unwell = others.filter(({ name }) => !healthy.includes(name)).map(({ name }) => name);
  const well = others.filter(({ name }) => healthy.includes(name));
  const candidates = well.filter(({ role }) => role === roles.validator).map(({ name }) => name);
  const atOnce = [...fresh, ...unwell, ...candidates];
  const rpc = well.filter(({ role }) => role === roles.rpc);
  if (rpc.length > 0) return [...atOnce, ...nextRpc(rpc, input)];
  const isRpcWell = nodes.every(({ name, role }) => role !== roles.rpc || healthy.includes(name));
  const isFirst = voters.every(({ name }) => healthy.includes(name));
  // A change that RPC nodes did not survive must not reach the validators too.
  if (isFirst && !isRpcWell) return atOnce;
  return [...atOnce, ...nextVoter(voters, standing, input)];
};
