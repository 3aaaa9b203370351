import { isMetadataOnly, toView } from "../cache/view.ts";
import { findKind, kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { forgetApplied } from "./ensure.ts";

/** What is never taken away by an apply: data, and addresses that others have written down. */
const kept = new Set<string>([kinds.PersistentVolumeClaim.kind, kinds.Service.kind, kinds.Namespace.kind]);

/** Whether a pod, or the set that makes the next one, still has it among its volumes or environment. */
const isReferred = (turn: WriteTurn, name: string): boolean => {
  const { sets, pods, otherPods } = toView(turn.cache, turn.namespace);
  const specs = [
    ...[...sets.values()].map(({ spec }) => spec.template.spec),
    ...[...pods.values(), ...otherPods].map(({ spec }) => spec),
  ];
  return JSON.stringify(specs).includes(`"${name}"`);
};

/**
 * Takes away what was applied once and is in no wish any more. `untouched`: object names of nodes whose turn it was
 * not; everything of theirs stays. Files and secrets stay until no pod has them.
 */
export const prune = async (
  turn: WriteTurn,
  wanted: ReadonlySet<string>,
  untouched: readonly string[],
): Promise<void> => {
  const isUntouched = (name: string): boolean =>
    untouched.some((node) => name === node || name.startsWith(`${node}.`) || name === `node.${node}`);
  const doomed = turn.state.objects.filter((entry) => {
    const [kind = "", name = ""] = entry.split("/");
    return !wanted.has(entry) && !kept.has(kind) && !isUntouched(name);
  });
  const gone = new Set<string>();
  for (const entry of doomed) {
    const [kindName = "", name = ""] = entry.split("/");
    const kind = findKind(kindName);
    if (kindName === kinds.StatefulSet.kind) {
      if (!turn.cache.find(kind, turn.namespace, name)) gone.add(entry);
      continue;
    }
    if (isMetadataOnly(kind) && isReferred(turn, name)) continue;
    const found = await turn.objects.get(kind, turn.namespace, name);
    if (found) {
      await turn.step(`${entry}.delete`);
      await turn.objects.remove(kind, found);
    }
    forgetApplied(turn, kind, name);
    gone.add(entry);
  }
  if (gone.size === 0) return;
  turn.state.objects = turn.state.objects.filter((entry) => !gone.has(entry));
  await turn.save();
};
