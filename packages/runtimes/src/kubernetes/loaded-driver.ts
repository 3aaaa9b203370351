import type { LoadedDriver } from "../driver.ts";
import { checkCluster } from "./check/check-cluster.ts";
import type { KubeAccessSettings } from "./client/kube-access.ts";
import type { ClusterRegion } from "./cluster-region.ts";
import { createKubernetesRuntime } from "./kubernetes-runtime.ts";

const split = ({ kubeconfig, context, inCluster: _, toolsImage, homeNamespace, entry, ...rest }: ClusterRegion) => {
  const home = homeNamespace === undefined ? {} : { namespace: homeNamespace };
  const cluster = { ...rest, ...(entry === undefined ? {} : { entry: { ...home, ...entry } }) };
  const access: KubeAccessSettings =
    kubeconfig === undefined ? { inCluster: true } : { kubeconfig, ...(context === undefined ? {} : { context }) };
  return { access, cluster, toolsImage, ...(homeNamespace === undefined ? {} : { homeNamespace }) };
};

/** What needs the client of Kubernetes: a second, and some tens of megabytes. */
export const loadedDriver: LoadedDriver<ClusterRegion> = {
  create: (region, { clock, log }) => createKubernetesRuntime({ ...split(region), clock, log }),
  check: (region, { signal }) => {
    const { access, cluster, toolsImage } = split(region);
    return checkCluster({ access, settings: cluster, toolsImage, signal });
  },
};
