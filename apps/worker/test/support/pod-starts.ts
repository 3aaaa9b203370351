import { get, type IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import type { ApiProxy } from "@portolan/testing/cluster";

interface PodEvent {
  object: { metadata: { uid: string; labels?: { [key: string]: string } } };
}

/** Pods that there ever were, one by one: what a list at the end does not show. */
export interface PodStarts {
  /** `node/hub-0`, `job/hub-0` → how many pods of a placement. */
  of(placementId: string): { [pod: string]: number };
  close(): Promise<void>;
}

/** Watches every pod of ours from now on. */
export const watchPodStarts = async (proxy: Pick<ApiProxy, "url">): Promise<PodStarts> => {
  const seen = new Map<string, Map<string, Set<string>>>();
  const query = "watch=true&timeoutSeconds=7200&labelSelector=app.kubernetes.io%2Fmanaged-by%3Dportolan";
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${proxy.url}/api/v1/pods?${query}`, resolve).once("error", reject);
  });

  const hear = ({ object: { metadata } }: PodEvent): void => {
    const { uid, labels = {} } = metadata;
    const placementId = labels["portolan.dev/placement"] ?? "";
    const name = `${labels["portolan.dev/component"] ?? "node"}/${labels["portolan.dev/node"] ?? ""}`;
    const pods = seen.get(placementId) ?? new Map<string, Set<string>>();
    seen.set(placementId, pods);
    pods.set(name, (pods.get(name) ?? new Set()).add(uid));
  };
  const lines = createInterface({ input: response });
  const read = async (): Promise<void> => {
    for await (const line of lines) if (line !== "") hear(JSON.parse(line) as PodEvent);
  };
  let isClosed = false;
  const reading = read().catch((error: unknown) => {
    if (!isClosed) throw error;
  });
  return {
    of: (placementId) =>
      Object.fromEntries([...(seen.get(placementId) ?? [])].map(([name, uids]) => [name, uids.size])),
    close: async () => {
      isClosed = true;
      // The end of its input alone does not end it, where that is destroyed.
      lines.close();
      response.destroy();
      await reading;
    },
  };
};
