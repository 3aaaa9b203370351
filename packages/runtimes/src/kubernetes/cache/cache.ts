import { isNewer, type KubeObject } from "../client/kube-object.ts";
import type { Kind } from "../client/kube-paths.ts";

/** Objects of one kind by namespace and name. A namespace itself lies under its own name. */
type Shelf = Map<string, Map<string, KubeObject>>;

/** How many ends are remembered, so that an old list does not bring back what is gone. */
const mostEnds = 20_000;

export type KubeCache = ReturnType<typeof createKubeCache>;

/**
 * What the API server has of us, as far as was heard: by lists, by watches and by the answers to own writes. An older
 * version never replaces a newer one, whichever way it came.
 */
export const createKubeCache = (onChange: (namespace: string, kind: Kind, object: KubeObject) => void) => {
  const shelves = new Map<string, Shelf>();
  /** Uids of what has ended. */
  const ended = new Set<string>();

  const spaceOf = (kind: Kind, { metadata }: KubeObject): string =>
    kind.isNamespaced ? (metadata.namespace ?? "") : metadata.name;

  const shelfOf = (kind: Kind): Shelf => {
    const shelf = shelves.get(kind.kind) ?? new Map<string, Map<string, KubeObject>>();
    shelves.set(kind.kind, shelf);
    return shelf;
  };

  const find = (kind: Kind, namespace: string, name: string): KubeObject | undefined =>
    shelves.get(kind.kind)?.get(namespace)?.get(name);

  const put = (kind: Kind, object: KubeObject): void => {
    const { uid, name, resourceVersion } = object.metadata;
    if (uid !== undefined && ended.has(uid)) return;
    const space = spaceOf(kind, object);
    const known = find(kind, space, name);
    if (known && !isNewer(resourceVersion, known.metadata.resourceVersion)) return;
    const shelf = shelfOf(kind);
    const objects = shelf.get(space) ?? new Map<string, KubeObject>();
    shelf.set(space, objects);
    // Half of an object's size, and nobody reads it.
    const { managedFields: _none, ...metadata } = object.metadata as KubeObject["metadata"] & {
      managedFields?: unknown;
    };
    objects.set(name, { ...object, metadata });
    onChange(space, kind, object);
  };

  const drop = (kind: Kind, namespace: string, name: string, uid: string | undefined): void => {
    if (uid !== undefined) {
      ended.add(uid);
      if (ended.size > mostEnds) for (const first of [...ended].slice(0, mostEnds / 4)) ended.delete(first);
    }
    const objects = shelves.get(kind.kind)?.get(namespace);
    const known = objects?.get(name);
    const isThat = uid === undefined || known?.metadata.uid === uid;
    // With a namespace everything in it goes.
    if (!kind.isNamespaced && isThat) for (const shelf of shelves.values()) shelf.delete(name);
    if (!objects || !known || (uid !== undefined && known.metadata.uid !== uid)) return;
    objects.delete(name);
    if (objects.size === 0) shelves.get(kind.kind)?.delete(namespace);
    onChange(namespace, kind, known);
  };

  return {
    put,
    /** It was deleted; `object` is its last version. */
    end: (kind: Kind, object: KubeObject): void =>
      drop(kind, spaceOf(kind, object), object.metadata.name, object.metadata.uid),
    /** The API server has none of this name: what was known of it has ended. */
    absent: (kind: Kind, namespace: string, name: string): void =>
      drop(kind, namespace, name, find(kind, namespace, name)?.metadata.uid),
    /**
     * A whole list as of `version`: what is known, is older than that and not in it has ended. `namespace`: a list of
     * just that one.
     */
    replace: (kind: Kind, items: readonly KubeObject[], version: string | undefined, namespace?: string): void => {
      const listed = new Set(items.map((item) => `${spaceOf(kind, item)}/${item.metadata.name}`));
      for (const item of items) put(kind, item);
      for (const [space, objects] of shelves.get(kind.kind) ?? []) {
        if (namespace !== undefined && space !== namespace) continue;
        for (const [name, known] of objects) {
          if (listed.has(`${space}/${name}`) || isNewer(known.metadata.resourceVersion, version)) continue;
          drop(kind, space, name, known.metadata.uid);
        }
      }
    },
    find,
    /** Objects of a kind in a namespace. */
    of: (kind: Kind, namespace: string): KubeObject[] => [...(shelves.get(kind.kind)?.get(namespace)?.values() ?? [])],
    all: (kind: Kind): KubeObject[] =>
      [...(shelves.get(kind.kind)?.values() ?? [])].flatMap((objects) => [...objects.values()]),
    forget: (): void => shelves.clear(),
  };
};
