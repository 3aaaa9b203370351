import type { CountingProxy } from "./counting-proxy.ts";

/** Something that somebody else does to a chain's objects. */
export interface Drift {
  name: string;
  /** Does it; answers how to see that it is put right. */
  make(proxy: CountingProxy, namespace: string): Promise<() => Promise<boolean>>;
}

interface Found {
  metadata: { name: string; uid: string };
  spec: { template: { spec: { containers: { name: string; image: string }[] } } };
  status?: { readyReplicas?: number };
}

const ours = "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dportolan";

const list = async (proxy: CountingProxy, path: string): Promise<Found[]> =>
  (JSON.parse((await proxy.call("GET", `${path}?${ours}`)).text) as { items: Found[] }).items;

const first = async (proxy: CountingProxy, path: string): Promise<Found> => {
  const [found] = await list(proxy, path);
  if (found === undefined) throw new Error(`nothing at ${path}`);
  return found;
};

const setsOf = (namespace: string): string => `/apis/apps/v1/namespaces/${namespace}/statefulsets`;

const demand = async (answer: Promise<{ status: number; text: string }>): Promise<void> => {
  const { status, text } = await answer;
  if (status >= 300) throw new Error(`the drift was refused (${status}): ${text.slice(0, 300)}`);
};

const removal = (name: string, pathOf: (namespace: string) => string, isThere: (again: Found) => boolean): Drift => ({
  name,
  make: async (proxy, namespace) => {
    const path = pathOf(namespace);
    const former = await first(proxy, path);
    await demand(proxy.call("DELETE", `${path}/${former.metadata.name}`));
    return async () => {
      const again = (await list(proxy, path)).find(({ metadata }) => metadata.name === former.metadata.name);
      return again !== undefined && again.metadata.uid !== former.metadata.uid && isThere(again);
    };
  },
});

export const drifts: readonly Drift[] = [
  removal("a deleted StatefulSet", setsOf, ({ status }) => status?.readyReplicas === 1),
  {
    name: "an edited image",
    make: async (proxy, namespace) => {
      const path = setsOf(namespace);
      const former = await first(proxy, path);
      const imageOf = ({ spec }: Found): string | undefined => spec.template.spec.containers[0]?.image;
      const container = { name: former.spec.template.spec.containers[0]?.name, image: "docker.io/library/other:1" };
      const body = { spec: { template: { spec: { containers: [container] } } } };
      const type = "application/strategic-merge-patch+json";
      await demand(proxy.call("PATCH", `${path}/${former.metadata.name}`, body, type));
      return async () => imageOf(await first(proxy, path)) === imageOf(former);
    },
  },
  removal(
    "a deleted Service",
    (namespace) => `/api/v1/namespaces/${namespace}/services`,
    () => true,
  ),
  removal(
    "a deleted NetworkPolicy",
    (namespace) => `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`,
    () => true,
  ),
];
