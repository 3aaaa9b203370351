import { isStatus } from "../client/kube-error.ts";
import type { KubeObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { Context } from "../context.ts";
import { annotationKeys, labelKeys, managedBy } from "../labels.ts";
import { type Space, toNamespaceName } from "../space.ts";
import { fenceOf } from "./fence-of.ts";

/** One for both of a placement's namespaces: the one beside it may never have been there. */
export const toTombstoneName = ({ placementId }: Pick<Space, "placementId">): string =>
  toNamespaceName({ placementId });

const keepMs = 7 * 24 * 3_600_000;
const mostAtOnce = 20;
const component = "fence";

/**
 * Fences of placements whose namespace is gone: a writer from before the end must stay refused. Kept for a week, which
 * no lease outlives.
 */
export const createTombstones = (context: Pick<Context, "objects" | "homeNamespace" | "clock">) => {
  const { objects, homeNamespace, clock } = context;

  const makeHome = async (): Promise<void> => {
    const labels = { [labelKeys.managedBy]: managedBy, [labelKeys.component]: "home" };
    await objects
      .create(kinds.Namespace, undefined, {
        apiVersion: "v1",
        kind: "Namespace",
        metadata: { name: homeNamespace, labels },
      })
      .catch((error: unknown) => {
        if (!isStatus(error, 409)) throw error;
      });
  };

  const sweep = async (): Promise<void> => {
    const labelSelector = `${labelKeys.managedBy}=${managedBy},${labelKeys.component}=${component}`;
    const { items } = await objects.list(kinds.ConfigMap, { namespace: homeNamespace, labelSelector });
    const oldest = clock.now().getTime() - keepMs;
    const old = items.filter(({ metadata }) => Date.parse(metadata.creationTimestamp ?? "") < oldest);
    for (const object of old.slice(0, mostAtOnce)) await objects.remove(kinds.ConfigMap, object);
  };

  return {
    read: async (name: string): Promise<bigint> => fenceOf(await objects.get(kinds.ConfigMap, homeNamespace, name)),

    /** Raises the fence of what is about to go; never lowers it. */
    raise: async (name: string, fence: bigint): Promise<void> => {
      const body = {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: {
          name,
          labels: { [labelKeys.managedBy]: managedBy, [labelKeys.component]: component },
          annotations: { [annotationKeys.fence]: String(fence) },
        },
      };
      for (let attempt = 0; attempt < 5; attempt++) {
        const known = await objects.get<KubeObject>(kinds.ConfigMap, homeNamespace, name);
        if (known && fenceOf(known) >= fence) return;
        try {
          if (known) {
            const metadata = {
              resourceVersion: known.metadata.resourceVersion,
              annotations: body.metadata.annotations,
            };
            await objects.patch(kinds.ConfigMap, homeNamespace, name, { metadata });
          } else await objects.create(kinds.ConfigMap, homeNamespace, body);
          await sweep();
          return;
        } catch (error) {
          if (isStatus(error, 404)) await makeHome();
          else if (!isStatus(error, 409)) throw error;
        }
      }
    },
  };
};
