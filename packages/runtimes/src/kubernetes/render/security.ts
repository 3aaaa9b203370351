import type { V1PodSecurityContext, V1SecurityContext } from "@kubernetes/client-node";
import { toRefusal } from "./refusal.ts";

/** What Pod Security `restricted` asks of a container, and a root file system that nobody writes to. */
export const containerSecurity = (): V1SecurityContext => ({
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ["ALL"] },
});

/** The same of a pod. Volumes and files are of the group, so that the one user reads and writes them. */
export const podSecurity = (userId: number): V1PodSecurityContext => {
  if (!Number.isInteger(userId) || userId < 1) throw toRefusal("A node can't run as root on a cluster.");
  return {
    runAsNonRoot: true,
    runAsUser: userId,
    runAsGroup: userId,
    fsGroup: userId,
    // A large ledger's files are not gone through at each start.
    fsGroupChangePolicy: "OnRootMismatch",
    seccompProfile: { type: "RuntimeDefault" },
  };
};
