import type { WriteTurn } from "../context.ts";
import { endPods } from "./end-pods.ts";
import { endJobs } from "./jobs.ts";

/** Nodes by how many others must answer before them: those of one depth may be stopped at the same time. */
const byDepth = (nodes: ReadonlyMap<string, readonly string[]>): string[][] => {
  const depths = new Map<string, number>();
  const visit = (name: string, path: ReadonlySet<string>): number => {
    const known = depths.get(name);
    if (known !== undefined) return known;
    // A circle is passed over: an order, never a deadlock.
    const before = (nodes.get(name) ?? []).filter((other) => nodes.has(other) && !path.has(other));
    const depth = Math.max(-1, ...before.map((other) => visit(other, new Set([...path, other])))) + 1;
    depths.set(name, depth);
    return depth;
  };
  for (const name of nodes.keys()) visit(name, new Set([name]));
  const levels: string[][] = [];
  for (const [name, depth] of depths) levels[depth] = [...(levels[depth] ?? []), name];
  return levels.filter((level) => level !== undefined);
};

/** Ends all programs, those that came last first. Keeps volumes, addresses and everything else. */
export const stopPlacement = async (turn: WriteTurn): Promise<void> => {
  const view = await turn.look(turn.namespace);
  if (view.namespace === undefined) return;
  await endJobs(turn);
  const names = new Set([...view.sets.keys(), ...view.pods.keys()]);
  const order = new Map([...names].map((name) => [name, turn.state.nodes[name]?.startAfter ?? []] as const));
  const isUp = (name: string): boolean => (view.sets.get(name)?.spec.replicas ?? 1) !== 0 || view.pods.has(name);
  for (const level of byDepth(order).reverse()) {
    const up = level.filter(isUp);
    if (up.length > 0) await endPods(turn, up);
  }
  for (const name of names) {
    const record = turn.state.nodes[name];
    if (!record) continue;
    record.failures = 0;
    delete record.failure;
    delete record.failedHash;
    delete record.nextAt;
    delete record.waitingSince;
  }
  await turn.save();
};
