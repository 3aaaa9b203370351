import { inStartOrder } from "../start-order.ts";
import { type WriteTurn, withTolerantSave } from "./context.ts";
import { stopPrograms } from "./stop-node.ts";

/** Nodes by how many others must answer before them: those of one depth may be stopped at the same time. */
const byDepth = (nodes: readonly { name: string; startAfter: readonly string[] }[]): string[][] => {
  const depths = new Map<string, number>();
  for (const node of inStartOrder(nodes, ({ startAfter }) => startAfter)) {
    depths.set(node.name, Math.max(-1, ...node.startAfter.map((name) => depths.get(name) ?? -1)) + 1);
  }
  const levels: string[][] = [];
  for (const [name, depth] of depths) levels[depth] = [...(levels[depth] ?? []), name];
  return levels.filter((level) => level !== undefined);
};

/** Ends all programs, those that came last first. Keeps directories, ports and volumes. */
export const stopPlacement = async (strict: WriteTurn): Promise<void> => {
  const turn = withTolerantSave(strict);
  const nodes = Object.entries(turn.state.nodes).map(([name, state]) => ({
    name,
    startAfter: state.applied?.startAfter ?? [],
  }));
  for (const level of byDepth(nodes).reverse()) {
    const ended = await Promise.allSettled(
      level.map(async (name) => {
        const state = turn.state.nodes[name];
        if (!state) return;
        await stopPrograms(turn, name, state);
        if (state.appliedHash === undefined) return;
        state.isStopped = true;
        state.failures = 0;
        delete state.failure;
        delete state.nextStartAt;
        delete state.waitingSince;
      }),
    );
    const failed = ended.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }
  if (nodes.length > 0) strict.save();
};
