import { lookup } from "node:dns/promises";
import type { KubeClient } from "../client/client.ts";
import { isStatus } from "../client/kube-error.ts";
import { kinds, toPath } from "../client/kube-paths.ts";
import { entryNames, entryNamespaceOf } from "../entry/names.ts";
import type { KubernetesSettings } from "../settings.ts";
import { type Finding, note, ok } from "./finding.ts";

interface EntryService {
  status?: { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } };
}

const serviceOf = async (
  client: Pick<KubeClient, "request">,
  settings: KubernetesSettings,
): Promise<EntryService | undefined> => {
  const path = toPath(kinds.Service, { namespace: entryNamespaceOf(settings), name: entryNames.entry });
  try {
    return await client.request<EntryService>({ method: "GET", path });
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
};

/** Whether callers from outside find the region's entry: its service, the address before it, and a name below its domain. */
export const checkEntry = async (
  client: Pick<KubeClient, "request">,
  settings: KubernetesSettings,
  find: (name: string) => Promise<unknown> = lookup,
): Promise<Finding[]> => {
  const { entry } = settings;
  if (entry === undefined) return [];
  const service = await serviceOf(client, settings);
  if (service === undefined)
    return [
      note(
        "entry",
        "The region's entry is not there yet.",
        "A worker that serves the region makes it: start the plane.",
      ),
    ];
  const [address] = service.status?.loadBalancer?.ingress ?? [];
  if (entry.service === "LoadBalancer" && address === undefined)
    return [
      note(
        "entry",
        "The cluster has given the entry's service no address.",
        "Wait for its load balancer; on a cluster that makes none, `entry.service` NodePort and one of the machines' ports.",
      ),
    ];
  const name = `portolan-check.${entry.domain}`;
  const at = address?.ip ?? address?.hostname ?? "the machines' addresses";
  return find(name).then(
    () => [ok("entry", `names below ${entry.domain} are found; callers dial port ${entry.port}`)],
    () => [
      note("entry", `${name} is not found here.`, `Make *.${entry.domain} lead to ${at}, where callers ask for names.`),
    ],
  );
};
