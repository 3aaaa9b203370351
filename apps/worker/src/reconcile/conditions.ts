import { type Condition, type ConditionType, type NodeObservation, withCondition } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import type { ChainWork, PlacementWork } from "@portolan/store";
import { type Desired, desiredHashes, ownNodes, ownSteps } from "./desired.ts";

type Verdict = Omit<Condition, "since" | "type">;

/** A placement whose worker has been silent for longer than this is not known, which is not the same as gone. */
export const silenceMs = 60_000;

const yes = (reason: string, message: string): Verdict => ({ status: "true", reason, message });
const no = (reason: string, message: string, hint?: string): Verdict => ({
  status: "false",
  reason,
  message,
  ...(hint === undefined ? {} : { hint }),
});

export const isSilent = (placement: PlacementWork, now: Date): boolean =>
  placement.reportedAt === null || now.getTime() - placement.reportedAt.getTime() > silenceMs;

const standsStill = ({ copying }: Desired & { kind: "copying" }): Verdict =>
  no(
    copying.kind === "backup" ? "backing_up" : "restoring",
    copying.kind === "backup"
      ? "The nodes are stopped while the chain's data is copied."
      : "The nodes are stopped while a backup is put in place.",
    "They start again by themselves; the operation tells how far it is.",
  );

/** What only concerns parts changes nothing of the chain itself. */
const asBefore = (work: ChainWork, desired: Desired, type: ConditionType): Verdict | undefined =>
  desired.kind === "waitingForAddresses" && desired.isOfParts
    ? work.conditions.find((condition) => condition.type === type)
    : undefined;

const materialVerdict = (work: ChainWork, desired: Desired): Verdict => {
  const former = asBefore(work, desired, "materialReady");
  if (former !== undefined) return former;
  if (desired.kind === "waitingForAddresses")
    return no("waiting_for_addresses", "Waiting for addresses in every region.");
  if (desired.kind === "impossible") return no(desired.problem.code, desired.problem.message, desired.problem.hint);
  return yes("made", "Keys and files are made.");
};

/** A node that runs on as it was, and the reason why it can't become what is wanted of it. */
const findHeld = (work: ChainWork, desired: Desired): NodeObservation | undefined => {
  if (desired.kind !== "wanted") return undefined;
  const own = new Set(ownNodes(desired).map(({ name }) => name));
  const wanted = desiredHashes(desired.blueprints);
  return work.placements
    .flatMap(({ observation }) => observation?.nodes ?? [])
    .find(({ node, reason, appliedHash }) => {
      const hash = wanted.get(node)?.hash;
      return own.has(node) && reason !== undefined && hash !== undefined && appliedHash !== hash;
    });
};

const nodesVerdict = (work: ChainWork, desired: Desired, now: Date): Verdict => {
  if (desired.kind === "resting") return no("stopped", "Nodes are not wanted to run.");
  if (desired.kind === "copying") return standsStill(desired);
  const problem = work.placements.find((placement) => placement.problem !== null)?.problem;
  const silent = work.placements.filter((placement) => placement.order !== null && isSilent(placement, now));
  if (silent.length > 0 && work.hasRun) {
    const names = silent.map((placement) => placement.region).join(", ");
    return {
      status: "unknown",
      reason: "region_unreachable",
      message: `No report from ${names}.`,
      hint: "Nothing is changed there until its worker reports again.",
    };
  }
  const observed = new Map(
    work.placements.flatMap((placement) =>
      (placement.observation?.nodes ?? []).map((node) => [node.node, node] as const),
    ),
  );
  for (const node of ownNodes(desired)) {
    const seen = observed.get(node.name);
    if (seen?.state === "running") continue;
    const reason = seen?.reason ?? problem?.code ?? seen?.state ?? "absent";
    const message = seen?.message ?? problem?.message ?? `Node ${node.name} is ${seen?.state ?? "not there yet"}.`;
    return no(reason, message, seen?.hint ?? problem?.hint);
  }
  const held = findHeld(work, desired);
  if (held !== undefined)
    return no(held.reason ?? "held", held.message ?? `${held.node} is not changed yet.`, held.hint);
  return yes("running", "All nodes run.");
};

const networkVerdict = (work: ChainWork, desired: Desired, nodes: Verdict): Verdict => {
  if (desired.kind === "resting") return no("stopped", "Nodes are not wanted to run.");
  if (desired.kind === "copying") return standsStill(desired);
  if (nodes.status === "unknown") return nodes;
  const former = asBefore(work, desired, "networkReady");
  if (former !== undefined) return former;
  if (desired.kind !== "wanted") return no("waiting", "Waiting for nodes.");
  const view = work.view;
  const unwell = ownNodes(desired).find((node) => view?.nodes[node.name]?.healthy !== true);
  if (unwell !== undefined) {
    const seen = view?.nodes[unwell.name];
    return no("unhealthy", seen?.reason ?? `Node ${unwell.name} does not answer yet.`, seen?.hint);
  }
  // What is still to be done for a part is in its own operation: a part that can't be made degrades nothing.
  const steps = ownSteps(work, desired);
  if (steps.length > 0) {
    const problem = work.placements.find((placement) => placement.problem !== null)?.problem;
    if (problem !== undefined && problem !== null) return no(problem.code, problem.message, problem.hint);
    return no("steps_open", `Still to do: ${steps.map((step) => step.title).join(", ")}.`);
  }
  return yes("healthy", "The network answers by its own protocol.");
};

/** Nodes that can serve: observed running and found well by the framework. */
export const servingNodes = (work: ChainWork, desired: Desired, now: Date): Set<string> => {
  const serving = new Set<string>();
  for (const placement of work.placements) {
    if (isSilent(placement, now) && work.hasRun === false) continue;
    for (const node of placement.observation?.nodes ?? []) {
      if (node.state === "running" && work.view?.nodes[node.node]?.healthy === true) serving.add(node.node);
    }
  }
  return new Set(desired.nodes.filter((node) => serving.has(node.name)).map((node) => node.name));
};

const endpointVerdict = (
  work: ChainWork,
  framework: Framework,
  desired: Desired,
  network: Verdict,
  now: Date,
): Verdict => {
  if (desired.kind === "resting") return no("stopped", "The endpoint is closed.");
  if (desired.kind === "copying") return standsStill(desired);
  const serving = servingNodes(work, desired, now);
  // Before its first success a network may answer while its steps are not done: the endpoint waits for them.
  if (!work.hasRun && network.status !== "true") return no("waiting", "The endpoint opens when the network is ready.");
  for (const protocol of framework.protocols) {
    const isServed = desired.nodes.some((node) => node.role === protocol.role && serving.has(node.name));
    if (!isServed) return no("no_healthy_node", `No node serves ${protocol.name}.`);
  }
  return yes("open", "Calls are let through.");
};

export const toConditions = (work: ChainWork, framework: Framework, desired: Desired, now: Date): Condition[] => {
  const nodes = nodesVerdict(work, desired, now);
  const network = networkVerdict(work, desired, nodes);
  const verdicts: [ConditionType, Verdict][] = [
    ["materialReady", materialVerdict(work, desired)],
    ["nodesReady", nodes],
    ["networkReady", network],
    ["endpointReady", endpointVerdict(work, framework, desired, network, now)],
  ];
  return verdicts.reduce<Condition[]>(
    (list, [type, verdict]) => withCondition(list, { type, ...verdict }, now),
    [...work.conditions],
  );
};
