import { isAbsolute } from "node:path";
import { z } from "zod";
import { kubernetesSettings } from "./settings.ts";

const defaultToolsImage = "docker.io/library/node:24";

/** Where the cluster is and who asks stands beside how chains are laid into it; only a regions file says either. */
export const clusterRegion = kubernetesSettings
  .extend({
    /** A file of the operator's, never a tenant's: it may name programs that are run. */
    kubeconfig: z.string().min(1).max(4_000).refine(isAbsolute, "must be an absolute path").optional(),
    context: z.string().min(1).max(500).optional(),
    /** The worker is a pod of the cluster, with a service account. */
    inCluster: z.literal(true).optional(),
    /** With Node in it: for pods that copy volumes, and for checks. */
    toolsImage: z.string().min(1).max(500).default(defaultToolsImage),
    /** Of what is the installation's own and no chain's. */
    homeNamespace: z
      .string()
      .regex(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/)
      .optional(),
  })
  .refine(({ kubeconfig, inCluster }) => (kubeconfig === undefined) !== (inCluster === undefined), {
    error: "either kubeconfig or inCluster must be there, and not both",
  });

/** Of a region on a cluster, as its file has them. */
export type ClusterRegion = z.output<typeof clusterRegion>;
