import { quorumOf } from "./quorum.ts";

export interface Change {
  kind: "add" | "remove";
  address: string;
  /** The node whose key it is; absent: none that the plane ever made. */
  name?: string;
}

export interface Members {
  /** Addresses with a vote now. */
  inForce: readonly string[];
  /** Node → address of those that are wished. */
  wished: ReadonlyMap<string, string>;
  /** Address → node, of all that ever had a key. */
  names: ReadonlyMap<string, string>;
  /** Whether the node of one that is in force seals blocks. */
  isWell(node: string): boolean;
  /** Whether the node of one that is to come has the whole chain, and is heard by those in force. */
  isReady(node: string): boolean;
}

export interface Membership {
  /** What remains, in the order in which it is done: one at a time. */
  changes: readonly Change[];
  /** Nodes that are to vote for the first of them. */
  voters: readonly string[];
  /** `sync`: its node has not caught up. `held`: why the first change would be one too many. Absent: it is its turn. */
  obstacle?: { kind: "sync"; node: string } | { kind: "held"; reason: string; hint: string };
}

const isLive = (members: Members, address: string): boolean => {
  const name = members.names.get(address);
  return name !== undefined && members.isWell(name);
};

const toChange = (kind: Change["kind"], address: string, name: string | undefined): Change =>
  name === undefined ? { kind, address } : { kind, address, name };

/**
 * Validators that are dead go first: they count and do not seal. Then others come, those that have the whole chain before
 * those that have not, and only then the living go: a set is never made smaller that is about to grow again.
 */
const inOrder = (members: Members): Change[] => {
  const { inForce, wished, names } = members;
  const wanted = new Set(wished.values());
  const leaving = inForce.filter((address) => !wanted.has(address));
  const coming = [...wished].filter(([, address]) => !inForce.includes(address));
  const remove = (address: string): Change => toChange("remove", address, names.get(address));
  const add = ([name, address]: [string, string]): Change => toChange("add", address, name);
  return [
    ...leaving.filter((address) => !isLive(members, address)).map(remove),
    ...coming.filter(([name]) => members.isReady(name)).map(add),
    ...coming.filter(([name]) => !members.isReady(name)).map(add),
    ...leaving.filter((address) => isLive(members, address)).map(remove),
  ];
};

/** How many count and how many of them are live once the change is in force. */
const after = (members: Members, change: Change): { count: number; live: number } => {
  const { inForce } = members;
  const live = inForce.filter((address) => isLive(members, address)).length;
  if (change.kind === "add") return { count: inForce.length + 1, live: live + 1 };
  return { count: inForce.length - 1, live: live - (isLive(members, change.address) ? 1 : 0) };
};

const mend = "Bring the validators back that do not answer; where no block comes, pause and resume the chain.";

const obstacleOf = (members: Members, change: Change, voters: readonly string[]): Membership["obstacle"] => {
  const { inForce } = members;
  if (change.kind === "add" && change.name !== undefined && !members.isReady(change.name))
    return { kind: "sync", node: change.name };
  const needed = quorumOf(inForce.length);
  // Whoever seals blocks is more than half of them as well: votes are cast in blocks.
  if (voters.length < needed)
    return {
      kind: "held",
      reason: `No votes are counted without blocks: ${needed} of ${inForce.length} validators are needed, and ${voters.length} are well.`,
      hint: mend,
    };
  const { count, live } = after(members, change);
  if (live >= quorumOf(count)) return undefined;
  const verb = change.kind === "add" ? "in" : "out";
  return {
    kind: "held",
    reason: `With ${change.name ?? change.address} voted ${verb}, ${quorumOf(count)} of ${count} validators would be needed for a block, and ${live} would be well.`,
    hint: mend,
  };
};

/** What remains to be done to the set of validators. Pure: the same set, wish and health give the same answer. */
export const planMembership = (members: Members): Membership => {
  const changes = inOrder(members);
  const [first] = changes;
  const voters = members.inForce.flatMap((address) => {
    const name = members.names.get(address);
    return name !== undefined && members.isWell(name) ? [name] : [];
  });
  if (first === undefined) return { changes, voters };
  const obstacle = obstacleOf(members, first, voters);
  return obstacle === undefined ? { changes, voters } : { changes, voters, obstacle };
};
