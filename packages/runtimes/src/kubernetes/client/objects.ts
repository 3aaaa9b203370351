import type { KubeClient } from "./client.ts";
import { isStatus } from "./kube-error.ts";
import type { KubeObject, ListOf } from "./kube-object.ts";
import { findKind, type Kind, toPath } from "./kube-paths.ts";

/** Everything this runtime writes is written under this name. */
export const fieldManager = "portolan";

const pageSize = 500;

const at = (namespace: string | undefined, name: string) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
});

export type KubeObjects = ReturnType<typeof createKubeObjects>;

/** Objects of the API server, read and written one at a time. `seen` hears of every version that an answer brought. */
export const createKubeObjects = (deps: {
  client: Pick<KubeClient, "request">;
  seen?: (kind: Kind, object: KubeObject) => void;
  gone?: (kind: Kind, namespace: string | undefined, name: string) => void;
}) => {
  const { client } = deps;
  const heard = <T extends KubeObject>(kind: Kind, object: T): T => {
    deps.seen?.(kind, object);
    return object;
  };

  return {
    get: async <T extends KubeObject>(
      kind: Kind,
      namespace: string | undefined,
      name: string,
    ): Promise<T | undefined> => {
      try {
        return heard(kind, await client.request<T>({ method: "GET", path: toPath(kind, at(namespace, name)) }));
      } catch (error) {
        if (!isStatus(error, 404)) throw error;
        deps.gone?.(kind, namespace, name);
        return undefined;
      }
    },

    /** All of a kind that carry a label, in pages. */
    list: async <T extends KubeObject>(
      kind: Kind,
      options: { namespace?: string; labelSelector?: string; fieldSelector?: string; accept?: string } = {},
    ): Promise<ListOf<T>> => {
      const { namespace, accept, ...selectors } = options;
      const items: T[] = [];
      let next: string | undefined;
      for (;;) {
        const page = await client.request<Omit<ListOf<T>, "items"> & { items: T[] | null }>({
          method: "GET",
          path: toPath(kind, namespace === undefined ? {} : { namespace }),
          query: { ...selectors, limit: pageSize, continue: next },
          ...(accept === undefined ? {} : { accept }),
        });
        // An empty list of names alone has `null` in its place.
        items.push(...(page.items ?? []));
        next = page.metadata.continue;
        if (next === undefined || next === "") return { metadata: page.metadata, items };
      }
    },

    /**
     * Server-side apply as the one authority over its fields. Repeating it after an unknown outcome leads to the same.
     * With `metadata.resourceVersion` in the manifest it is refused (409) where the object has changed since. `manager`:
     * whose fields these are, where several write parts of one object.
     */
    apply: async <T extends KubeObject>(manifest: T, manager = fieldManager): Promise<T> => {
      const kind = findKind(manifest.kind ?? "");
      const { name, namespace } = manifest.metadata;
      const applied = await client.request<T>({
        method: "PATCH",
        path: toPath(kind, at(namespace, name)),
        query: { fieldManager: manager, force: true },
        body: manifest,
        contentType: "application/apply-patch+yaml",
        isRepeatable: manifest.metadata.resourceVersion === undefined,
      });
      return heard(kind, applied);
    },

    create: async <T extends KubeObject>(kind: Kind, namespace: string | undefined, body: unknown): Promise<T> =>
      heard(
        kind,
        await client.request<T>({
          method: "POST",
          path: toPath(kind, namespace === undefined ? {} : { namespace }),
          query: { fieldManager },
          body,
        }),
      ),

    /** A merge patch. Put `metadata.resourceVersion` in it and it is refused (409) where the object has changed. */
    patch: async <T extends KubeObject>(
      kind: Kind,
      namespace: string | undefined,
      name: string,
      body: unknown,
      options: { isRepeatable?: boolean; below?: string; contentType?: string } = {},
    ): Promise<T> => {
      const below = options.below === undefined ? {} : { below: options.below };
      const patched = await client.request<T>({
        method: "PATCH",
        path: toPath(kind, { ...at(namespace, name), ...below }),
        query: { fieldManager },
        body,
        contentType: options.contentType ?? "application/merge-patch+json",
        isRepeatable: options.isRepeatable ?? false,
      });
      return heard(kind, patched);
    },

    /**
     * Deletes just the object that was looked at: one of the same name that came later stays. `isUnchanged`: and only
     * as it was looked at.
     */
    remove: async (
      kind: Kind,
      object: KubeObject,
      options: {
        graceSeconds?: number;
        propagation?: "Background" | "Foreground" | "Orphan";
        isUnchanged?: boolean;
      } = {},
    ): Promise<void> => {
      const { name, namespace, uid, resourceVersion } = object.metadata;
      const preconditions = { ...(uid && { uid }), ...(options.isUnchanged && resourceVersion && { resourceVersion }) };
      try {
        const answer = await client.request<KubeObject>({
          method: "DELETE",
          path: toPath(kind, at(namespace, name)),
          body: {
            apiVersion: "v1",
            kind: "DeleteOptions",
            ...(Object.keys(preconditions).length === 0 ? {} : { preconditions }),
            ...(options.graceSeconds === undefined ? {} : { gracePeriodSeconds: options.graceSeconds }),
            propagationPolicy: options.propagation ?? "Background",
          },
          isRepeatable: true,
        });
        if (answer?.metadata?.uid === uid && answer.metadata.deletionTimestamp !== undefined) deps.seen?.(kind, answer);
      } catch (error) {
        // 409: another object has this name now, or it is on its way out already.
        if (isStatus(error, 404)) deps.gone?.(kind, namespace, name);
        else if (!isStatus(error, 409)) throw error;
      }
    },
  };
};
