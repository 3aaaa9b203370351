import { get, type IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import type { ApiProxy } from "@portolan/testing/cluster";

interface PodEvent {
  type: string;
  object: {
    metadata: {
      uid: string;
      labels?: { [key: string]: string };
      annotations?: { [key: string]: string };
      creationTimestamp?: string;
    };
    status?: { phase?: string; reason?: string; conditions?: { type: string; reason?: string }[] };
  };
}

/** What tells why there was another pod: its node's hash, how it was last seen, and who may have ended it. */
const toStory = ({ type, object: { metadata, status } }: PodEvent): string => {
  const disruption = status?.conditions?.find((condition) => condition.type === "DisruptionTarget")?.reason;
  const hash = metadata.annotations?.["portolan.dev/node-hash"]?.slice(0, 8);
  const facts = [metadata.creationTimestamp, hash, type, status?.phase, status?.reason, disruption];
  return facts.filter((fact) => fact !== undefined).join(" ");
};

/**
 * Pods that there ever were, one by one: what a list at the end does not show. One that was gone before it ran started
 * nothing, and is not counted: the simulated kubelet ends a pod by its name, and on a busy machine may hit the successor.
 */
export interface PodStarts {
  /** `node/hub-0`, `job/hub-0` → how many pods of a placement ran. */
  of(placementId: string): { [pod: string]: number };
  /** What was seen of each of them, for whoever wonders at their number. */
  tell(placementId: string): string;
  close(): Promise<void>;
}

/** Watches every pod of ours from now on. */
export const watchPodStarts = async (proxy: Pick<ApiProxy, "url">): Promise<PodStarts> => {
  /** Placement → pod's name → uid → how it was last seen. */
  const seen = new Map<string, Map<string, Map<string, string>>>();
  /** Their uids. */
  const ran = new Set<string>();
  const query = "watch=true&timeoutSeconds=7200&labelSelector=app.kubernetes.io%2Fmanaged-by%3Dportolan";
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${proxy.url}/api/v1/pods?${query}`, resolve).once("error", reject);
  });

  const hear = (event: PodEvent): void => {
    const { uid, labels = {} } = event.object.metadata;
    const { phase = "Pending" } = event.object.status ?? {};
    if (phase !== "Pending") ran.add(uid);
    const placementId = labels["portolan.dev/placement"] ?? "";
    const name = `${labels["portolan.dev/component"] ?? "node"}/${labels["portolan.dev/node"] ?? ""}`;
    const pods = seen.get(placementId) ?? new Map<string, Map<string, string>>();
    seen.set(placementId, pods);
    pods.set(name, (pods.get(name) ?? new Map<string, string>()).set(uid, toStory(event)));
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
      Object.fromEntries(
        [...(seen.get(placementId) ?? [])].flatMap(([name, uids]) => {
          const count = [...uids.keys()].filter((uid) => ran.has(uid)).length;
          return count === 0 ? [] : [[name, count] as const];
        }),
      ),
    tell: (placementId) =>
      [...(seen.get(placementId) ?? [])]
        .flatMap(([name, uids]) => [...uids].map(([uid, story]) => `${name} ${uid}: ${story}`))
        .join("\n"),
    close: async () => {
      isClosed = true;
      // The end of its input alone does not end it, where that is destroyed.
      lines.close();
      response.destroy();
      await reading;
    },
  };
};
