import { DomainError, type JsonValue, type NodeSpec } from "@portolan/domain";
import { z } from "zod";
import type { ActionContext } from "../../framework.ts";
import { lookAtNode, type NodeFindings, toConnected } from "../inspect/look-at-node.ts";
import { patienceOf } from "../inspection.ts";
import { numberOf, resultOf } from "../node-rpc.ts";
import { roles } from "../topology.ts";
import { type ActionClock, openTurn, orSilent, type Turn, until } from "./context.ts";

const syncInput = z.object({
  /** That is to have the whole chain before anybody votes for it. */
  node: z.string(),
  /** Validators of its region that are well. */
  neighbours: z.array(z.string()),
});

type SyncTurn = Turn<z.output<typeof syncInput>>;

/** A block that came while the others were asked. */
const maxBehind = 1;

/** Its own file names the others; that they know of it too spares it a round of waiting. */
const introduce = async (turn: SyncTurn): Promise<void> => {
  const enode = turn.inspection.nodes[turn.input.node]?.enode;
  if (enode === undefined) return;
  const calls = [{ method: "admin_addPeer", params: [enode] }];
  await Promise.all(turn.input.neighbours.map((neighbour) => orSilent(turn, () => turn.ask(neighbour, calls))));
};

interface Neighbour {
  name: string;
  height: number;
  /** It is connected to the node, or does not say. */
  isConnected: boolean;
}

const askNeighbour = async (turn: SyncTurn, name: string): Promise<Neighbour> => {
  const [height, peers] = await turn.ask(name, [{ method: "eth_blockNumber" }, { method: "admin_peers" }]);
  const keys = peers === undefined || "error" in peers ? undefined : toConnected(peers.result);
  const own = turn.inspection.nodes[turn.input.node]?.enodeKey.toLowerCase();
  return { name, height: numberOf(resultOf(height)), isConnected: own === undefined || keys?.includes(own) !== false };
};

const askNeighbours = async (turn: SyncTurn): Promise<Neighbour[]> => {
  const found = await Promise.all(turn.input.neighbours.map((name) => orSilent(turn, () => askNeighbour(turn, name))));
  return found.filter((neighbour) => neighbour !== undefined);
};

/** Where no validator of the region says how far they are, the age of its last block does. */
const isSynced = (turn: SyncTurn, found: NodeFindings, top: number, waitedMs: number): boolean => {
  if (found.isSyncing || found.peers === 0 || found.head.height === 0) return false;
  const ageMs = turn.access.now.getTime() + waitedMs - found.head.timestampMs;
  return top > 0 ? top - found.head.height <= maxBehind : ageMs < patienceOf(turn.inspection);
};

/** Waits until a node has every block: a validator that is voted in before would keep the others waiting for it. */
export const sync =
  (clock: ActionClock) =>
  async (context: ActionContext): Promise<JsonValue> => {
    const turn = openTurn(context, syncInput, clock);
    const { node: name } = turn.input;
    const begunMs = clock.nowMs();
    const node: NodeSpec = { name, role: roles.validator, ordinal: 0, region: turn.access.region, ports: [] };
    await introduce(turn);
    let said = "it does not answer";
    const height = await until(turn, async () => {
      const neighbours = await askNeighbours(turn);
      const top = Math.max(0, ...neighbours.map(({ height: reached }) => reached));
      const look = await lookAtNode({ ...turn.access, observations: [], signal: turn.signal }, node);
      if (!look.isAnswering) {
        said = look.reason;
        return undefined;
      }
      const { findings } = look;
      said = `it is at block ${findings.head.height}${top > 0 ? ` of ${top}` : ""} and has ${findings.peers} connections`;
      const apart = neighbours.flatMap((neighbour) => (neighbour.isConnected ? [] : [neighbour.name]));
      if (apart.length > 0) said += `, and none to ${apart.join(", ")}`;
      const isDone = apart.length === 0 && isSynced(turn, findings, top, clock.nowMs() - begunMs);
      return isDone ? findings.head.height : undefined;
    });
    if (height !== undefined) return { node: name, height };
    throw new DomainError({
      code: "step.failed",
      message: `${name} has not got the whole chain yet: ${said}.`,
      hint: "It is looked at again. A node without connections can't be reached by the others, or has another chain's data.",
      retryable: true,
    });
  };
