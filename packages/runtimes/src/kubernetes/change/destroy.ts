import { setTimeout as sleep } from "node:timers/promises";
import { nodeOf } from "../cache/view.ts";
import type { NamespaceObject } from "../client/kube-object.ts";
import { findKind, kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { removeRoutes } from "../entry/apply-routes.ts";
import { toThrown } from "../failure.ts";
import { describeEnding } from "../observe/observe.ts";
import { waitWhile } from "./end-pods.ts";
import { forgetApplied } from "./ensure.ts";
import { emptyRecord } from "./placement-state.ts";
import { stopPlacement } from "./stop.ts";
import { createTombstones, toTombstoneName } from "./tombstone.ts";

/** What stays with the volumes: addresses, since a genesis names them, and what keeps the namespace closed. */
const keptKinds = new Set<string>([
  kinds.PersistentVolumeClaim.kind,
  kinds.Service.kind,
  kinds.ResourceQuota.kind,
  kinds.LimitRange.kind,
  kinds.NetworkPolicy.kind,
]);

/** Everything but the volumes and what stays with them. */
const removeNodes = async (turn: WriteTurn): Promise<void> => {
  const doomed = turn.state.objects.filter((entry) => !keptKinds.has(entry.split("/")[0] ?? ""));
  await Promise.all(
    doomed.map(async (entry) => {
      const [kindName = "", name = ""] = entry.split("/");
      const kind = findKind(kindName);
      const found = await turn.objects.get(kind, turn.namespace, name);
      if (found === undefined) return;
      await turn.step(`${entry}.delete`);
      await turn.objects.remove(kind, found);
      forgetApplied(turn, kind, name);
    }),
  );
  const { claims } = await turn.look(turn.namespace);
  const withData = new Set(claims.map(nodeOf));
  turn.state.objects = turn.state.objects.filter((entry) => !doomed.includes(entry));
  turn.state.nodes = Object.fromEntries(
    Object.entries(turn.state.nodes)
      .filter(([name]) => withData.has(name))
      .map(([name, { jobs, incarnation }]) => [name, { ...emptyRecord(), jobs, incarnation }]),
  );
  await turn.save();
};

/** Before the namespace, which would otherwise come back to them only after many seconds. */
const removeVolumes = async (turn: WriteTurn): Promise<void> => {
  const { claims } = await turn.look(turn.namespace, true);
  for (const claim of claims) {
    await turn.step(`claim.${claim.metadata.name}.delete`);
    await turn.objects.remove(kinds.PersistentVolumeClaim, claim);
  }
  // What hangs on is said by the namespace, whose end is waited for.
  await waitWhile(turn, turn.endWaitMs / 3, (view) => view.claims.length > 0);
};

/** Waits until the namespace is gone; what holds it is said with its reason. */
const waitForEnd = async (turn: WriteTurn): Promise<void> => {
  const endsAt = performance.now() + turn.endWaitMs;
  for (let pollMs = 50; ; pollMs = Math.min(pollMs * 1.5, 500)) {
    const found = await turn.objects.get<NamespaceObject>(kinds.Namespace, undefined, turn.namespace);
    if (found === undefined) return;
    if (performance.now() + pollMs > endsAt) {
      const { reason = "namespace_terminating", message = "", hint = "" } = describeEnding(found) ?? {};
      throw toThrown({ reason, message: message || "The chain's namespace is not gone yet.", hint });
    }
    await sleep(pollMs);
  }
};

/** Ends the nodes in their order; with `volumes` the namespace goes with all that is in it. */
export const destroyPlacement = async (turn: WriteTurn, volumes: boolean, fence: bigint): Promise<void> => {
  const view = await turn.look(turn.namespace, true);
  const key = `${turn.namespace}/`;
  const isKept = !volumes && view.claims.length > 0;
  if (!isKept) {
    await turn.step("fence.keep");
    await createTombstones(turn).raise(toTombstoneName(turn.placement), fence);
  }
  if (view.namespace === undefined) return;
  const isEnding = view.namespace.metadata.deletionTimestamp !== undefined;
  if (!isEnding) {
    await removeRoutes(turn);
    await stopPlacement(turn);
    // Kept volumes keep their addresses: a genesis that names them stays true when the chain is restored.
    if (isKept) return removeNodes(turn);
    await removeVolumes(turn);
    if (turn.state.hasNumbers !== undefined) {
      await turn.step("numbers.release");
      await turn.entry.releaseNumbers(turn.namespace);
    }
    await turn.step("namespace.delete");
    await turn.objects.remove(kinds.Namespace, view.namespace);
  }
  turn.applied.delete(turn.namespace);
  turn.renewed.delete(turn.namespace);
  turn.ledger.forget(key);
  await waitForEnd(turn);
};
