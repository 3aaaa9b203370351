import { createHash } from "node:crypto";
import { canonicalJson, type JsonValue } from "@portolan/domain";
import { isStatus } from "../client/kube-error.ts";
import type { KubeObject } from "../client/kube-object.ts";
import { findKind, kinds } from "../client/kube-paths.ts";
import type { AppliedEntry, Context, WriteTurn } from "../context.ts";

/** Versions of these change with every use of them. */
const restless = new Set<string>([kinds.ResourceQuota.kind, kinds.Namespace.kind, kinds.PersistentVolumeClaim.kind]);

/** What changes when somebody changes the wish, and not when the cluster reports on it. */
export const versionOf = (object: KubeObject, kind: string): string =>
  restless.has(kind) ? "" : String(object.metadata.generation ?? object.metadata.resourceVersion ?? "");

export const digestOf = (manifest: object): string =>
  createHash("sha256")
    .update(canonicalJson(manifest as JsonValue))
    .digest("hex");

const isSame = (
  entry: AppliedEntry | undefined,
  digest: string,
  found: KubeObject | undefined,
  kind: string,
): boolean =>
  entry !== undefined &&
  found !== undefined &&
  entry.digest === digest &&
  entry.uid === found.metadata.uid &&
  entry.version === versionOf(found, kind) &&
  found.metadata.deletionTimestamp === undefined;

/** What differs of what this process applied: objects that were changed or deleted by others. As `Kind/name`. */
export const findDrift = (context: Pick<Context, "applied" | "cache">, namespace: string): string[] =>
  [...(context.applied.get(namespace) ?? [])].flatMap(([key, entry]) => {
    const [kind = "", name = ""] = key.split("/");
    const found = context.cache.find(findKind(kind), namespace, name);
    return isSame(entry, entry.digest, found, kind) ? [] : [key];
  });

const mostConflicts = 5;

/**
 * Server-side apply of one object, as the authority over its fields; nothing is sent where this process applied the
 * same and nobody has changed it since. A stateful set is applied on top of the version that was seen, so that a
 * writer that lost its lease in between is refused.
 */
export const ensure = async (turn: WriteTurn, manifest: KubeObject, digest = digestOf(manifest)): Promise<void> => {
  const kindName = manifest.kind ?? "";
  const kind = findKind(kindName);
  const { name } = manifest.metadata;
  const key = `${kindName}/${name}`;
  const entries = turn.applied.get(turn.namespace) ?? new Map<string, AppliedEntry>();
  turn.applied.set(turn.namespace, entries);
  const find = (): KubeObject | undefined => turn.cache.find(kind, turn.namespace, name);
  if (isSame(entries.get(key), digest, find(), kindName)) return;
  for (let attempt = 0; ; attempt++) {
    await turn.step(`${kindName}.${name}.apply`);
    const resourceVersion = kindName === kinds.StatefulSet.kind ? find()?.metadata.resourceVersion : undefined;
    const metadata = resourceVersion === undefined ? manifest.metadata : { ...manifest.metadata, resourceVersion };
    try {
      const applied = await turn.objects.apply<KubeObject>({ ...manifest, metadata });
      entries.set(key, { digest, uid: applied.metadata.uid, version: versionOf(applied, kindName) });
      return;
    } catch (error) {
      if (!isStatus(error, 409) || attempt >= mostConflicts) throw error;
      // Its status moved on meanwhile, or it is gone: what it is now is looked at, the fence too.
      await turn.objects.get(kind, kind.isNamespaced ? turn.namespace : undefined, name);
    }
  }
};

/** It is not there any more, or not as it was applied, and that is as it should be. */
export const forgetApplied = (
  turn: Pick<WriteTurn, "applied" | "namespace">,
  kind: { kind: string },
  name: string,
): void => {
  turn.applied.get(turn.namespace)?.delete(`${kind.kind}/${name}`);
};
