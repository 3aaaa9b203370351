import { existsSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Blueprint, type BlueprintNode, DomainError, toNodeHash } from "@portolan/domain";
import { checkName } from "../check-name.ts";
import type { SecretSource } from "../runtime.ts";
import { bringToBlueprint, toNextStart } from "./bring-node.ts";
import type { WriteTurn } from "./context.ts";
import { toFailure } from "./failure.ts";
import { emptyNodeState } from "./state.ts";
import { stopPrograms } from "./stop-node.ts";

/** A node's trouble becomes its reason; a stale fence or an injected crash ends the call. */
const applyNode = async (
  turn: WriteTurn,
  blueprint: Blueprint,
  node: BlueprintNode,
  secrets: SecretSource,
  isAllowed: boolean,
): Promise<void> => {
  try {
    await bringToBlueprint(turn, blueprint, node, secrets, isAllowed);
    turn.unsaved.delete(`${turn.state.placementId}/${node.name}`);
  } catch (error) {
    if (error instanceof DomainError || isUnknown(error)) throw error;
    const state = turn.state.nodes[node.name] ?? emptyNodeState();
    turn.state.nodes[node.name] = state;
    state.failure = toFailure(error);
    state.failedHash = toNodeHash(node);
    state.failures += 1;
    state.nextStartAt = toNextStart(state.failures, turn.clock.now().getTime());
    turn.log.warn(
      { err: error, placementId: turn.state.placementId, node: node.name },
      "a node was not brought to its wish",
    );
    try {
      turn.save();
    } catch (unsaved) {
      turn.unsaved.set(`${turn.state.placementId}/${node.name}`, state.failure);
      // The disk is full: the failure is remembered in memory, and nothing was claimed on disk that is not so.
      turn.log.warn({ err: unsaved, placementId: turn.state.placementId }, "a placement's state could not be written");
    }
  }
};

/** Anything that is neither the operating system's word nor a node's own failure is a fault of ours. */
const isUnknown = (error: unknown): boolean =>
  !(error instanceof Error) || (!("code" in error) && error.name !== "NodeFailure");

/** Ends a node and removes everything of it but its data volumes. */
export const removeNode = async (turn: WriteTurn, name: string, options: { volumes: boolean }): Promise<void> => {
  const { placementId, nodes } = turn.state;
  const state = nodes[name];
  if (state) await stopPrograms(turn, name, state);
  await turn.step("node.remove");
  const directory = turn.layout.node(placementId, name);
  const volumes = turn.layout.volumes(placementId, name);
  const keepsVolumes = !options.volumes && existsSync(volumes) && readdirSync(volumes).length > 0;
  if (keepsVolumes) {
    const doomed = readdirSync(directory).filter((entry) => entry !== "volumes");
    await Promise.all(doomed.map((entry) => rm(join(directory, entry), { recursive: true, force: true })));
    // Jobs were done to the data, so that they are not done again belongs to it.
    nodes[name] = { ...emptyNodeState(), jobs: state?.jobs ?? {}, incarnation: state?.incarnation ?? 0 };
  } else {
    await rm(directory, { recursive: true, force: true });
    delete nodes[name];
  }
  turn.unsaved.delete(`${placementId}/${name}`);
  turn.save();
};

/** Level-triggered: brings every allowed node nearer to the blueprint and returns without waiting for readiness. */
export const applyBlueprint = async (
  turn: WriteTurn,
  blueprint: Blueprint,
  secrets: SecretSource,
  only?: readonly string[],
): Promise<void> => {
  for (const node of blueprint.nodes) checkNames(node);
  const isAllowed = (name: string): boolean => only === undefined || only.includes(name);
  const dropped = Object.entries(turn.state.nodes)
    .filter(([name]) => !blueprint.nodes.some((node) => node.name === name) && isAllowed(name))
    .filter(([, state]) => state.appliedHash !== undefined || state.failure !== undefined);
  const ordered = await Promise.allSettled([
    ...dropped.map(([name]) => removeNode(turn, name, { volumes: false })),
    ...blueprint.nodes.map((node) => applyNode(turn, blueprint, node, secrets, isAllowed(node.name))),
  ]);
  const failed = ordered.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
};

const checkNames = (node: BlueprintNode): void => {
  checkName(node.name, "node's name");
  for (const { name } of [...node.processes, ...node.init, ...node.jobs]) checkName(name, "program's name");
};
