import { createHash } from "node:crypto";
import { canonicalJson, type JsonValue } from "@portolan/domain";
import { isStatus, isUncertain } from "../client/kube-error.ts";
import type { KubeObject } from "../client/kube-object.ts";
import { findKind, kinds } from "../client/kube-paths.ts";
import type { AppliedEntry, Context, WriteTurn } from "../context.ts";
import { applySet, seeSet } from "./apply-set.ts";
import type { PlacementState } from "./placement-state.ts";

/** Versions of these change with every use of them. */
const restless = new Set<string>([kinds.ResourceQuota.kind, kinds.Namespace.kind, kinds.PersistentVolumeClaim.kind]);

/** What changes when somebody changes the wish, and not when the cluster reports on it. */
export const versionOf = (object: KubeObject, kind: string): string =>
  restless.has(kind) ? "" : String(object.metadata.generation ?? object.metadata.resourceVersion ?? "");

export const digestOf = (manifest: object): string =>
  createHash("sha256")
    .update(canonicalJson(manifest as JsonValue))
    .digest("hex")
    .slice(0, 32);

/** Enough of it to know one of a name from its successor. */
const uidOf = ({ metadata }: KubeObject): string => (metadata.uid ?? "").slice(0, 8);

const isSame = (
  entry: AppliedEntry | undefined,
  digest: string,
  found: KubeObject | undefined,
  kind: string,
): boolean =>
  entry !== undefined &&
  found !== undefined &&
  entry.digest === digest &&
  entry.uid === uidOf(found) &&
  entry.version === versionOf(found, kind) &&
  found.metadata.deletionTimestamp === undefined;

/** What differs of what this process applied: objects that were changed or deleted by others. As `Kind/name`. */
export const findDrift = (context: Pick<Context, "applied" | "cache">, namespace: string): string[] =>
  [...(context.applied.get(namespace) ?? [])].flatMap(([key, entry]) => {
    const [kind = "", name = ""] = key.split("/");
    const found = context.cache.find(findKind(kind), namespace, name);
    return isSame(entry, entry.digest, found, kind) ? [] : [key];
  });

/** Of a secret only that it is there is written down: who reads namespaces is told nothing of what is in it. */
const toNote = ({ digest, uid, version }: AppliedEntry, kind: string): string =>
  [kind === kinds.Secret.kind ? "" : digest, uid, version].join("/");

const fromNote = (note: string): AppliedEntry => {
  const [digest = "", uid = "", version = ""] = note.split("/");
  return { digest, uid, version };
};

/**
 * What an earlier process applied in a namespace, as it wrote down, where this one knows nothing yet. What is not as
 * written is drift, also where it is only that somebody died before writing it: then it is applied once for nothing.
 */
export const recallApplied = (
  context: Pick<Context, "applied">,
  namespace: string,
  { applied }: Pick<PlacementState, "applied">,
): void => {
  if (applied === undefined || context.applied.has(namespace)) return;
  context.applied.set(namespace, new Map(Object.entries(applied).map(([key, note]) => [key, fromNote(note)])));
};

const noteApplied = (turn: WriteTurn, key: string, entry: AppliedEntry, kind: string): void => {
  const entries = turn.applied.get(turn.namespace) ?? new Map<string, AppliedEntry>();
  turn.applied.set(turn.namespace, entries.set(key, entry));
  turn.state.applied = { ...turn.state.applied, [key]: toNote(entry, kind) };
};

const mostConflicts = 5;

/**
 * Server-side apply of one object, as the authority over its fields; nothing is sent where this process applied the
 * same and nobody has changed it since. What makes pods is written on top of what was seen, so that a writer that lost
 * its lease in between is refused.
 */
export const ensure = async (turn: WriteTurn, manifest: KubeObject, digest = digestOf(manifest)): Promise<void> => {
  const kindName = manifest.kind ?? "";
  const kind = findKind(kindName);
  const { name } = manifest.metadata;
  const key = `${kindName}/${name}`;
  const isSet = kindName === kinds.StatefulSet.kind;
  turn.renewed.add(turn.namespace);
  const entry = turn.applied.get(turn.namespace)?.get(key);
  if (isSame(entry, digest, turn.cache.find(kind, turn.namespace, name), kindName)) return;
  for (let attempt = 0; ; attempt++) {
    const seen = isSet ? await seeSet(turn, name, entry !== undefined) : undefined;
    await turn.step(`${kindName}.${name}.apply`);
    try {
      const applied = isSet ? await applySet(turn, manifest, seen) : await turn.objects.apply<KubeObject>(manifest);
      noteApplied(turn, key, { digest, uid: uidOf(applied), version: versionOf(applied, kindName) }, kindName);
      return;
    } catch (error) {
      // Not repeated by the client, which knows nothing of what was seen.
      const isLost = isSet && isUncertain(error) && attempt === 0;
      if (!isLost && (!isStatus(error, 409) || attempt >= mostConflicts)) throw error;
      // Its status moved on meanwhile, or it is gone, or there by now: what it is is looked at, the fence too.
      await turn.objects.get(kind, kind.isNamespaced ? turn.namespace : undefined, name);
    }
  }
};

/** It is not there any more, or not as it was applied, and that is as it should be. */
export const forgetApplied = (
  turn: Pick<WriteTurn, "applied" | "namespace" | "state">,
  kind: { kind: string },
  name: string,
): void => {
  const key = `${kind.kind}/${name}`;
  turn.applied.get(turn.namespace)?.delete(key);
  if (turn.state.applied !== undefined) delete turn.state.applied[key];
};
