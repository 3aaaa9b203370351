import type { HttpQueryRule, HttpValue } from "../http-policy.ts";

/** Base58 without checksum: what it stands for is the node's to say. */
const base58 = "[1-9A-HJ-NP-Za-km-z]";
const text = (source: string): HttpValue => ({ kind: "text", pattern: new RegExp(`^(?:${source})$`) });
/** The chain's one name for its node. `test` names a chain that no node of ours has. */
const chain: HttpValue = { kind: "alias", names: ["main"], fact: "chainId", canonical: "main" };
const publicKeyHash = `tz[1-5]${base58}{33}`;
const protocol = `P${base58}{50}`;

/** What stands in braces in the paths of `http-routes.ts`. */
export const octezValues = {
  chain,
  // Levels, hashes and names, with an offset.
  block: text(`(?:head|genesis|caboose|savepoint|checkpoint|B${base58}{50}|\\d{1,10})(?:[~+-]\\d{1,10})?`),
  blockHash: text(`B${base58}{50}`),
  protocol: text(protocol),
  contract: text(`KT1${base58}{33}|${publicKeyHash}`),
  delegate: text(publicKeyHash),
  destination: text(`(?:KT1|sr1|tz[1-5])${base58}{33}`),
  entrypoint: text("[A-Za-z0-9_.@-]{1,31}"),
  expression: text(`expr${base58}{50}`),
  // Of big maps and sapling states; those of a simulation are negative.
  id: text("-?\\d{1,20}"),
  index: text("\\d{1,6}"),
  level: text("\\d{1,10}"),
  rollup: text(`sr1${base58}{33}`),
  commitment: text(`src1${base58}{50}`),
} as const satisfies { readonly [name: string]: HttpValue };

const rule = (source: string, maxTimes?: number): HttpQueryRule => ({
  value: text(source),
  ...(maxTimes === undefined ? {} : { maxTimes }),
});
/** A parameter without a value is true. */
const flag = rule("|true|false|yes|no|1|0");
const hash = rule(protocol, 8);

/** Parameters, by the node's own names for them. */
export const octezQueries = {
  version: { version: rule("[0-2]") },
  metadata: { version: rule("[0-2]"), metadata: rule("always|never"), force_metadata: flag },
  blocks: { length: rule("\\d{1,3}"), head: rule(`B${base58}{50}`, 8), min_date: rule("[0-9TZ:.+-]{1,40}") },
  types: { normalize_types: flag },
  sapling: { offset_commitment: rule("\\d{1,20}"), offset_nullifier: rule("\\d{1,20}") },
  bigMap: { offset: rule("\\d{1,20}"), length: rule("\\d{1,4}") },
  delegates: { active: flag, inactive: flag, with_minimal_stake: flag, without_minimal_stake: flag },
  levelOffset: { offset: rule("-?\\d{1,10}") },
  rights: {
    level: rule("\\d{1,10}", 8),
    cycle: rule("\\d{1,10}"),
    delegate: rule(publicKeyHash, 8),
    consensus_key: rule(publicKeyHash, 8),
    max_round: rule("\\d{1,2}"),
  },
  simulate: { version: rule("[0-2]"), successor_level: flag },
  injection: { async: flag, chain: { value: chain } },
  mempoolFilter: { include_default: flag },
  pending: {
    version: rule("[0-2]"),
    ...{ validated: flag, applied: flag, refused: flag, outdated: flag, branch_refused: flag, branch_delayed: flag },
    validation_pass: rule("[0-3]", 4),
    source: rule(publicKeyHash, 8),
    sources: rule(publicKeyHash, 8),
    operation_hash: rule(`o${base58}{50}`, 8),
  },
  heads: { protocol: hash, next_protocol: hash },
  blockStreams: { protocol: hash, next_protocol: hash, chain: { value: chain, maxTimes: 2 } },
} as const satisfies { readonly [name: string]: { readonly [name: string]: HttpQueryRule } };
