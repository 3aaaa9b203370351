import type { ClusterApi } from "../api.ts";
import { runCommand } from "../run-command.ts";
import { createSweeper, type ListedObject, watchList } from "../watched-list.ts";
import { type Policy, type PolicyPod, toRules } from "./rules.ts";

/** A node, and a process in its network namespace while it runs. */
export interface EnforcedNode {
  readonly name: string;
  pid(): number | undefined;
}

/**
 * Keeps the rules of every running node at what the cluster's policies say, within a fraction of a second. A new pod has
 * no rules until it has an address.
 */
export const enforcePolicies = (api: ClusterApi, nodes: readonly EnforcedNode[]) => {
  /** By the node's process: a restarted node has no rules. */
  const applied = new Map<number, string>();
  const sweep = createSweeper("network policies", async () => {
    const state = { pods: pods.items(), namespaces: namespaces.items(), policies: policies.items() };
    for (const node of nodes) {
      const pid = node.pid();
      const rules = toRules(state, node.name);
      if (pid === undefined || applied.get(pid) === rules) continue;
      await runCommand("nsenter", ["--target", String(pid), "--net", "--", "nft", "-f", "-"], rules);
      applied.set(pid, rules);
    }
  });
  const pods = watchList<PolicyPod>(api, "/api/v1/pods", sweep);
  const namespaces = watchList<ListedObject>(api, "/api/v1/namespaces", sweep);
  const policies = watchList<Policy>(api, "/apis/networking.k8s.io/v1/networkpolicies", sweep);
  return {
    sweep,
    close() {
      for (const list of [pods, namespaces, policies]) list.close();
    },
  };
};
