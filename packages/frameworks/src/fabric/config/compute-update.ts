import { common } from "@hyperledger/fabric-protos";
import { mapEntries } from "./map-entries.ts";

type Entries<Element> = Map<string, Element>;

/** Read and write set of one map. `same` goes in only where the members of the group's maps change. */
interface MapUpdate<Element> {
  read: Entries<Element>;
  write: Entries<Element>;
  same: Entries<Element>;
  isMembershipChanged: boolean;
}

interface Kind<Element> {
  isSame(original: Element, updated: Element): boolean;
  /** The element with a version and nothing else. */
  toVersion(element: Element): Element;
  /** The whole element at this version. */
  toWritten(element: Element, version: number): Element;
  versionOf(element: Element): number;
}

const values: Kind<common.ConfigValue> = {
  isSame: (original, updated) =>
    original.getModPolicy() === updated.getModPolicy() &&
    Buffer.compare(original.getValue_asU8(), updated.getValue_asU8()) === 0,
  toVersion: (element) => withVersion(new common.ConfigValue(), element.getVersion()),
  toWritten: (element, version) => withVersion(element.cloneMessage() as common.ConfigValue, version),
  versionOf: (element) => element.getVersion(),
};

const bytesOf = (policy: common.ConfigPolicy): Uint8Array => policy.getPolicy()?.serializeBinary() ?? new Uint8Array();

const policies: Kind<common.ConfigPolicy> = {
  isSame: (original, updated) =>
    original.getModPolicy() === updated.getModPolicy() && Buffer.compare(bytesOf(original), bytesOf(updated)) === 0,
  toVersion: (element) => withVersion(new common.ConfigPolicy(), element.getVersion()),
  toWritten: (element, version) => withVersion(element.cloneMessage() as common.ConfigPolicy, version),
  versionOf: (element) => element.getVersion(),
};

const withVersion = <Element extends { setVersion(version: number): void }>(element: Element, version: number) => {
  element.setVersion(version);
  return element;
};

const mapUpdate = <Element>(
  kind: Kind<Element>,
  original: Entries<Element>,
  updated: Entries<Element>,
): MapUpdate<Element> => {
  const update: MapUpdate<Element> = { read: new Map(), write: new Map(), same: new Map(), isMembershipChanged: false };
  for (const [key, element] of original) {
    const next = updated.get(key);
    if (next === undefined) update.isMembershipChanged = true;
    else if (kind.isSame(element, next)) update.same.set(key, kind.toVersion(element));
    else update.write.set(key, kind.toWritten(next, kind.versionOf(element) + 1));
  }
  for (const [key, element] of updated) {
    if (original.has(key)) continue;
    update.isMembershipChanged = true;
    update.write.set(key, kind.toWritten(element, 0));
  }
  return update;
};

interface GroupUpdate {
  read: common.ConfigGroup;
  write: common.ConfigGroup;
  isUpdated: boolean;
}

const groupsUpdate = (
  original: Entries<common.ConfigGroup>,
  updated: Entries<common.ConfigGroup>,
): MapUpdate<common.ConfigGroup> => {
  const update: MapUpdate<common.ConfigGroup> = {
    read: new Map(),
    write: new Map(),
    same: new Map(),
    isMembershipChanged: false,
  };
  for (const [key, group] of original) {
    const next = updated.get(key);
    if (next === undefined) {
      update.isMembershipChanged = true;
      continue;
    }
    const inner = groupUpdate(group, next);
    if (inner.isUpdated) {
      update.read.set(key, inner.read);
      update.write.set(key, inner.write);
    } else update.same.set(key, inner.read);
  }
  for (const [key, group] of updated) {
    if (original.has(key)) continue;
    update.isMembershipChanged = true;
    update.write.set(key, toNewGroup(group));
  }
  return update;
};

/** A group that was not there, with all that is in it at version 0. */
const toNewGroup = (group: common.ConfigGroup): common.ConfigGroup => {
  const fresh = group.cloneMessage() as common.ConfigGroup;
  fresh.setVersion(0);
  fresh.getValuesMap().forEach((value) => {
    value.setVersion(0);
  });
  fresh.getPoliciesMap().forEach((policy) => {
    policy.setVersion(0);
  });
  for (const [key, child] of mapEntries(fresh.getGroupsMap())) fresh.getGroupsMap().set(key, toNewGroup(child));
  return fresh;
};

interface Members {
  policies: Entries<common.ConfigPolicy>;
  values: Entries<common.ConfigValue>;
  groups: Entries<common.ConfigGroup>;
}

const toGroup = (version: number, members: Members | null, modPolicy = ""): common.ConfigGroup => {
  const group = withVersion(new common.ConfigGroup(), version);
  group.setModPolicy(modPolicy);
  for (const [key, policy] of members?.policies ?? []) group.getPoliciesMap().set(key, policy);
  for (const [key, value] of members?.values ?? []) group.getValuesMap().set(key, value);
  for (const [key, child] of members?.groups ?? []) group.getGroupsMap().set(key, child);
  return group;
};

const groupUpdate = (original: common.ConfigGroup, updated: common.ConfigGroup): GroupUpdate => {
  const inner = {
    policies: mapUpdate(
      policies,
      new Map(mapEntries(original.getPoliciesMap())),
      new Map(mapEntries(updated.getPoliciesMap())),
    ),
    values: mapUpdate(
      values,
      new Map(mapEntries(original.getValuesMap())),
      new Map(mapEntries(updated.getValuesMap())),
    ),
    groups: groupsUpdate(new Map(mapEntries(original.getGroupsMap())), new Map(mapEntries(updated.getGroupsMap()))),
  };
  const maps = [inner.policies, inner.values, inner.groups];
  const version = original.getVersion();
  const isOwn = maps.some((map) => map.isMembershipChanged) || original.getModPolicy() !== updated.getModPolicy();
  if (!isOwn && maps.every((map) => map.write.size === 0))
    return { read: toGroup(version, null), write: toGroup(version, null), isUpdated: false };
  const pick = (set: "read" | "write"): Members => ({
    policies: new Map([...inner.policies[set], ...(isOwn ? inner.policies.same : [])]),
    values: new Map([...inner.values[set], ...(isOwn ? inner.values.same : [])]),
    groups: new Map([...inner.groups[set], ...(isOwn ? inner.groups.same : [])]),
  });
  return {
    read: toGroup(version, pick("read")),
    write: isOwn ? toGroup(version + 1, pick("write"), updated.getModPolicy()) : toGroup(version, pick("write")),
    isUpdated: true,
  };
};

/**
 * The update that makes one configuration another, as configtxlator computes it: changed elements with their next
 * version, and every sibling where the members of a group change (F:internal/configtxlator/update/update.go).
 * Undefined where nothing differs.
 */
export const computeUpdate = (
  channelId: string,
  original: common.ConfigGroup,
  updated: common.ConfigGroup,
): common.ConfigUpdate | undefined => {
  const { read, write, isUpdated } = groupUpdate(original, updated);
  if (!isUpdated) return undefined;
  const update = new common.ConfigUpdate();
  update.setChannelId(channelId);
  update.setReadSet(read);
  update.setWriteSet(write);
  return update;
};
