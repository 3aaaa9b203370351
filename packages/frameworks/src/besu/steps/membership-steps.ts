import type { Step } from "@portolan/domain";
import { byRegion } from "../../nodes-by-region.ts";
import { shortHash } from "../../short-hash.ts";
import { type Change, type Membership, planMembership } from "../membership.ts";
import { roles } from "../topology.ts";
import { isConnected, isHealthy, type Scene, toStep } from "./scene.ts";

const syncTimeoutMs = 60_000;
const heldTimeoutMs = 5_000;
const shortestVoteMs = 60_000;
const longestVoteMs = 600_000;

/**
 * Each validator casts its vote in a block of its own: twice around all of them is enough, and each that is dead costs a
 * time-out a round.
 */
export const voteTimeoutMs = (scene: Pick<Scene, "inspection">, count: number): number => {
  const { blockPeriodSeconds, requestTimeoutSeconds } = scene.inspection;
  const blocksMs = 2_000 * (count + 1) * (blockPeriodSeconds + requestTimeoutSeconds);
  return Math.min(longestVoteMs, Math.max(shortestVoteMs, 30_000 + blocksMs));
};

const titleOf = ({ kind, name, address }: Change): string => `Vote ${name ?? address} ${kind === "add" ? "in" : "out"}`;

/** Every region lets its own validators vote; a majority is enough, wherever it stands. */
const voteSteps = (scene: Scene, change: Change, voters: readonly string[], dependsOn: readonly string[]): Step[] => {
  const inForce = scene.inForce ?? [];
  const regions = byRegion(scene.nodes.filter(({ name }) => voters.includes(name)));
  const candidate = change.kind === "add" ? scene.nodes.find(({ name }) => name === change.name) : undefined;
  return regions.map(([region, names]) =>
    toStep({
      key: `validators/${change.kind}/${change.name ?? change.address}/${shortHash([inForce, names, region])}`,
      action: "validator.vote",
      title: regions.length === 1 ? titleOf(change) : `${titleOf(change)} (${region})`,
      region,
      input: {
        ...{ address: change.address, isAdded: change.kind === "add", voters: names },
        ...(candidate?.region === region ? { candidate: candidate.name } : {}),
      },
      dependsOn,
      timeoutMs: voteTimeoutMs(scene, inForce.length),
    }),
  );
};

const syncStep = (scene: Scene, node: string): Step => {
  const region = scene.nodes.find(({ name }) => name === node)?.region ?? "";
  const here = scene.nodes.filter((each) => each.region === region && each.role === roles.validator);
  return toStep({
    key: `validators/sync/${node}`,
    action: "validator.sync",
    title: `Wait until ${node} has the whole chain`,
    region,
    node,
    input: {
      node,
      neighbours: here.flatMap(({ name }) => (name !== node && isHealthy(scene, name) ? [name] : [])),
    },
    timeoutMs: syncTimeoutMs,
  });
};

/** It can't be done yet, and says why each time it is tried. */
const heldStep = (scene: Scene, { reason, hint }: { reason: string; hint: string }): Step =>
  toStep({
    key: `validators/held/${shortHash(reason)}`,
    action: "validator.hold",
    title: "Wait for enough validators",
    region: scene.spec.regions[0] ?? "",
    input: { reason, hint },
    timeoutMs: heldTimeoutMs,
  });

const obstacleSteps = (scene: Scene, { obstacle }: Membership): Step[] => {
  if (obstacle === undefined) return [];
  return [obstacle.kind === "sync" ? syncStep(scene, obstacle.node) : heldStep(scene, obstacle)];
};

/**
 * The changes of the set of validators, each after the one before is in force. What is to come is listed with it; only
 * the first can run, because the others depend on it.
 */
export const membershipSteps = (scene: Scene): Step[] => {
  if (scene.inForce === undefined) return [];
  const membership = planMembership({
    inForce: scene.inForce,
    wished: scene.wished,
    names: scene.names,
    isWell: (node) => isHealthy(scene, node),
    isReady: (node) => isReady(scene, node),
  });
  const steps = obstacleSteps(scene, membership);
  let before = steps.map(({ key }) => key);
  // Who votes later is not known yet: whoever is in force then.
  const first = scene.nodes.find(({ role }) => role === roles.validator)?.name ?? "";
  for (const change of membership.changes) {
    const voters = membership.voters.length === 0 ? [first] : membership.voters;
    const votes = voteSteps(scene, change, voters, before);
    steps.push(...votes);
    before = [...before, ...votes.map(({ key }) => key)];
  }
  return steps;
};

/** It has the whole chain, and those in force hear it. */
const isReady = (scene: Scene, node: string): boolean => isHealthy(scene, node) && isConnected(scene, node);

/** Votes that nodes would still cast though they are settled, or nobody's wish. */
export const staleVotes = (scene: Scene): { region: string; votes: { node: string; address: string }[] }[] => {
  const inForce = new Set(scene.inForce ?? []);
  const wanted = new Set(scene.wished.values());
  // Nobody is voted in dead: it would count from then on and seal nothing.
  const mayCome = (address: string): boolean => {
    const name = scene.names.get(address);
    return name !== undefined && isReady(scene, name);
  };
  const isStale = (address: string, vote: boolean): boolean =>
    vote === inForce.has(address) || vote !== wanted.has(address) || (vote && !mayCome(address));
  const here = new Set(scene.nodes.map(({ name }) => name));
  return Object.entries(scene.facts).flatMap(([region, { pending }]) => {
    const votes = Object.entries(pending).flatMap(([node, addresses]) =>
      Object.entries(addresses).flatMap(([address, vote]) =>
        here.has(node) && isStale(address, vote) ? [{ node, address }] : [],
      ),
    );
    return votes.length === 0 ? [] : [{ region, votes }];
  });
};

/** A vote that is left would be cast again as soon as what it wanted is undone. */
export const discardSteps = (scene: Scene): Step[] => {
  if (scene.inForce === undefined) return [];
  return staleVotes(scene).map(({ region, votes }) =>
    toStep({
      key: `validators/discard/${shortHash([scene.inForce, votes, region])}`,
      action: "validator.discard",
      title: `Take back votes that are settled (${region})`,
      region,
      input: { votes },
      timeoutMs: 30_000,
    }),
  );
};
