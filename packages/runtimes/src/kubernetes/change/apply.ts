import { type Blueprint, DomainError } from "@portolan/domain";
import type { SecretSource } from "../../runtime.ts";
import type { View } from "../cache/view.ts";
import { KubeError } from "../client/kube-error.ts";
import type { KubeObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { applyRoutes } from "../entry/apply-routes.ts";
import { findRefusal, toNodeFailure, toThrown } from "../failure.ts";
import { annotationKeys } from "../labels.ts";
import { toBytes } from "../quantity.ts";
import { renderPlacement } from "../render/placement.ts";
import type { RenderedPlacement } from "../render/rendered.ts";
import { blueprintIn } from "../space.ts";
import { bringToBlueprint, toNextTry } from "./apply-node.ts";
import { recordOf } from "./end-pods.ts";
import { ensure } from "./ensure.ts";
import { prune } from "./prune.ts";
import { copyPullSecret } from "./pull-secret.ts";
import { layRegistrySecret } from "./registry-secret.ts";
import { removeNode } from "./remove-node.ts";
import { tellNotes } from "./tell-notes.ts";

/**
 * What belongs to the placement as a whole. The namespace's own labels are drift-proof by being applied again. Gives
 * `Kind/name` of what it consists of.
 */
const applyShared = async (
  turn: WriteTurn,
  rendered: RenderedPlacement,
  blueprint: Blueprint,
  secrets: SecretSource,
): Promise<string[]> => {
  const shared = rendered.shared as readonly KubeObject[];
  const names = shared.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
  const missing = names.filter((name) => !turn.state.objects.includes(name));
  if (missing.length > 0) {
    turn.state.objects.push(...missing);
    await turn.save();
  }
  try {
    await ensure(turn, rendered.namespace);
    for (const manifest of shared) await ensure(turn, manifest);
    // What the operator may pull is not for tenants' images, nor what a tenant may for the operator's.
    if (turn.placement.isApart === true) return [...names, await layRegistrySecret(turn, blueprint, secrets)];
    await copyPullSecret(turn);
    return names;
  } catch (error) {
    const known = error instanceof KubeError ? findRefusal(error.message) : undefined;
    throw known ? toThrown(known, error) : error;
  }
};

/** Claims whose node or volume the blueprint has no more: they stay, and take room of the quota. */
const toKept = (view: View, blueprint: Blueprint): { sizeBytes: number }[] => {
  const wanted = new Set(blueprint.nodes.flatMap(({ name, volumes }) => volumes.map((each) => `${name}/${each.name}`)));
  return view.claims
    .filter(({ metadata }) => !wanted.has(metadata.annotations?.[annotationKeys.volume] ?? ""))
    .map(({ spec }) => ({ sizeBytes: Number(toBytes(spec?.resources?.requests?.storage)) }));
};

/** A node's trouble becomes its reason; a stale fence, silence or an injected crash ends the call. */
const applyNode = async (
  turn: WriteTurn,
  view: View,
  blueprint: Blueprint,
  rendered: RenderedPlacement,
  name: string,
  secrets: SecretSource,
  isAllowed: boolean,
): Promise<string[] | undefined> => {
  const node = blueprint.nodes.find((one) => one.name === name);
  const renderedNode = rendered.nodes.get(name);
  if (!node || !renderedNode) return undefined;
  try {
    return await bringToBlueprint({ turn, view, blueprint, node, rendered: renderedNode, secrets }, isAllowed);
  } catch (error) {
    const failure = toNodeFailure(error);
    if (failure === undefined) throw error;
    const record = recordOf(turn, name);
    record.failure = failure;
    record.failedHash = renderedNode.nodeHash;
    record.failures += 1;
    record.nextAt = toNextTry(record.failures, turn.clock.now().getTime());
    const { placementId } = turn.placement;
    turn.log.warn({ err: error, placementId, node: name }, "a node was not brought to its wish");
    return undefined;
  }
};

/**
 * Level-triggered: brings every allowed node of the namespace nearer to the blueprint and returns without waiting for
 * readiness.
 */
export const applyBlueprint = async (
  turn: WriteTurn,
  whole: Blueprint,
  secrets: SecretSource,
  only?: readonly string[],
): Promise<void> => {
  const isAllowed = (name: string): boolean => only === undefined || only.includes(name);
  const view = await turn.look(turn.namespace);
  const blueprint = blueprintIn(turn.placement, whole);
  const rendered = renderPlacement(turn.placement, whole, turn.settings, toKept(view, blueprint));
  tellNotes(turn, rendered.notes);
  if (turn.cache.find(kinds.Namespace, turn.namespace, turn.namespace)?.metadata.deletionTimestamp !== undefined) {
    throw new DomainError({
      code: "runtime.failed",
      message: "The chain's namespace is being removed.",
      hint: "It is made anew once it is gone; kubectl describe namespace says what holds it.",
      retryable: true,
    });
  }
  const wanted = new Set(await applyShared(turn, rendered, blueprint, secrets));
  const known = new Set([...view.sets.keys(), ...Object.keys(turn.state.nodes)]);
  const dropped = [...known].filter((name) => !rendered.nodes.has(name) && isAllowed(name));
  const removed = Promise.allSettled(dropped.map((name) => removeNode(turn, view, name)));
  const applied = await Promise.allSettled(
    blueprint.nodes.map(({ name }) => applyNode(turn, view, blueprint, rendered, name, secrets, isAllowed(name))),
  );
  const failed = [...(await removed), ...applied].find((result) => result.status === "rejected");
  // A writer that was refused, or died, writes nothing more.
  if (failed) throw failed.reason;
  await turn.save();
  // After the nodes: an entry that can't be had keeps none of them from running.
  await applyRoutes(turn, blueprint);
  const untouched: string[] = [];
  for (const [index, result] of applied.entries()) {
    const names = result.status === "fulfilled" ? result.value : undefined;
    const name = blueprint.nodes[index]?.name ?? "";
    if (names === undefined) untouched.push(rendered.nodes.get(name)?.objectName ?? name);
    else for (const each of names) wanted.add(each);
  }
  await prune(turn, wanted, untouched);
};
