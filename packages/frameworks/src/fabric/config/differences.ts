import { canonicalJson, type JsonValue } from "@portolan/domain";
import type { NetworkDescription } from "./description.ts";
import { type ConfigDigest, type ConsenterDigest, toWantedDigest } from "./digest.ts";

/**
 * One update of a channel's configuration. `signers`: MSP ids of organisations whose admins together fulfil what the
 * changed element's modification policy asks for; one that is leaving signs too, its word counts until it is gone.
 * Plain JSON.
 */
export type ConfigChange = { signers: string[] } & (
  | { kind: "organisation.add" | "organisation.remove" | "anchors"; mspId: string }
  /** The organisation's certificates, or its revocations. Of the orderers' organisation too. */
  | { kind: "organisation.msp"; mspId: string; reason: "certificates" | "revocation" }
  | { kind: "consenter.add" | "consenter.remove"; host: string; port: number }
  /** `from` is its address on the channel so far. Without a new key no node has to be restarted for it. */
  | { kind: "consenter.refresh"; host: string; port: number; from: string; isKeyChanged: boolean }
  | { kind: "endpoints" | "batch" | "policies" }
);

type Change = ConfigChange;

/** Whatever the order of members: what was seen comes back from a database that keeps its own. */
const isSame = (left: JsonValue, right: JsonValue): boolean => canonicalJson(left) === canonicalJson(right);

const addressOf = ({ host, port }: { host: string; port: number }): string => `${host}:${port}`;

/** The same orderer: by its address, which a node keeps for life, else by its number or its key. */
const findConsenter = (list: readonly ConsenterDigest[], one: ConsenterDigest): ConsenterDigest | undefined =>
  list.find((other) => addressOf(other) === addressOf(one)) ??
  list.find((other) => (other.id !== null && other.id === one.id) || other.tlsKey === one.tlsKey);

const consenterChanges = (current: ConfigDigest, wanted: ConfigDigest, signers: string[]) => {
  // A lone Raft leader drops such an update without a word: nobody is there to take over (F:etcdraft/chain.go). It
  // needs none either, as its key stays the same.
  const isLone = current.consensus === "raft" && current.consenters.length === 1;
  const refreshed = (isLone ? [] : wanted.consenters).flatMap((one): Change[] => {
    const known = findConsenter(current.consenters, one);
    if (known === undefined || isSame(known, one)) return [];
    const { host, port } = one;
    const isKeyChanged = known.tlsKey !== one.tlsKey;
    return [{ kind: "consenter.refresh", host, port, from: addressOf(known), isKeyChanged, signers }];
  });
  const added = wanted.consenters
    .filter((one) => findConsenter(current.consenters, one) === undefined)
    .map(({ host, port }): Change => ({ kind: "consenter.add", host, port, signers }));
  const removed = current.consenters
    .filter((one) => findConsenter(wanted.consenters, one) === undefined)
    .map(({ host, port }): Change => ({ kind: "consenter.remove", host, port, signers }));
  return { refreshed, added, removed };
};

const organisationChanges = (current: ConfigDigest, wanted: ConfigDigest, signers: string[]) => {
  const pairs = wanted.organisations.map((one) => ({
    one,
    known: current.organisations.find(({ mspId }) => mspId === one.mspId),
  }));
  const added = pairs
    .filter(({ known }) => known === undefined)
    .map(({ one }): Change => ({ kind: "organisation.add", mspId: one.mspId, signers }));
  const changed = [{ one: wanted.ordererOrg, known: current.ordererOrg }, ...pairs].flatMap(
    ({ one, known }): Change[] => {
      if (known === undefined || (one.ca === known.ca && one.tlsCa === known.tlsCa && one.crl === known.crl)) return [];
      const reason = one.crl === known.crl ? "certificates" : "revocation";
      return [{ kind: "organisation.msp", mspId: one.mspId, reason, signers: [one.mspId] }];
    },
  );
  const anchors = pairs
    .filter(({ one, known }) => known !== undefined && !isSame(known.anchors, one.anchors))
    .map(({ one }): Change => ({ kind: "anchors", mspId: one.mspId, signers: [one.mspId] }));
  const removed = current.organisations
    .filter(({ mspId }) => !wanted.organisations.some((one) => one.mspId === mspId))
    .map(({ mspId }): Change => ({ kind: "organisation.remove", mspId, signers }));
  return { added, changed, anchors, removed };
};

/**
 * What has to be updated, one update each, in the order in which it is safe: organisations are there before anything
 * names them and gone after nothing does; certificates are refreshed before the set of consenters changes, and that
 * one at a time, growing before it shrinks. An added consenter's node must have joined before its update.
 */
export const differences = (current: ConfigDigest, description: NetworkDescription): ConfigChange[] => {
  const wanted = toWantedDigest(description);
  const orderers = [current.ordererOrg.mspId];
  // Both those that are there and those that will be by then: a majority grows with each that is added, and a signature
  // of somebody who is not there counts for nothing and harms nothing.
  const members = [...new Set([...current.organisations, ...wanted.organisations].map(({ mspId }) => mspId))];
  const organisations = organisationChanges(current, wanted, members);
  const consenters = consenterChanges(current, wanted, orderers);
  const when = (isChanged: boolean, kind: "endpoints" | "batch" | "policies", signers: string[]): Change[] =>
    isChanged ? [{ kind, signers }] : [];
  return [
    ...organisations.added,
    ...organisations.changed,
    ...consenters.refreshed,
    ...consenters.added,
    ...when(!isSame(current.ordererOrg.endpoints, wanted.ordererOrg.endpoints), "endpoints", orderers),
    ...organisations.anchors,
    ...when(!isSame(current.batch, wanted.batch), "batch", orderers),
    ...when(!isSame(current.policies, wanted.policies), "policies", members),
    ...organisations.removed,
    ...consenters.removed,
  ];
};
