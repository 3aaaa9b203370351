import type { ClusterApi } from "../api.ts";

/** What every node says it has. Requests are promises for later: on an idle machine few processors carry many of them. */
const processors = "16";
const name = "nodes-have-room";
const group = "/apis/admissionregistration.k8s.io/v1beta1";

/** The API server's flags that let it. */
export const nodeSizeFlags = [
  "--feature-gates=MutatingAdmissionPolicy=true",
  "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
];

/**
 * Lets nodes take pods whose plans ask for more processors than this machine has: what a kubelet reports is changed on
 * its way in. It decides by what it reads back.
 */
export const enlargeNodes = async (api: ClusterApi): Promise<void> => {
  const replace = (list: string): string =>
    `JSONPatch{op: "replace", path: "/status/${list}/cpu", value: "${processors}"}`;
  await api.apply(`${group}/mutatingadmissionpolicies/${name}`, {
    apiVersion: "admissionregistration.k8s.io/v1beta1",
    kind: "MutatingAdmissionPolicy",
    metadata: { name },
    spec: {
      failurePolicy: "Fail",
      reinvocationPolicy: "Never",
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: [""],
            apiVersions: ["v1"],
            operations: ["CREATE", "UPDATE"],
            resources: ["nodes", "nodes/status"],
          },
        ],
      },
      matchConditions: [
        { name: "reports", expression: "has(object.status.capacity) && 'cpu' in object.status.capacity" },
        { name: "is-real", expression: "object.metadata.name.startsWith('node')" },
      ],
      mutations: [
        {
          patchType: "JSONPatch",
          jsonPatch: { expression: `[${["capacity", "allocatable"].map(replace).join(", ")}]` },
        },
      ],
    },
  });
  await api.apply(`${group}/mutatingadmissionpolicybindings/${name}`, {
    apiVersion: "admissionregistration.k8s.io/v1beta1",
    kind: "MutatingAdmissionPolicyBinding",
    metadata: { name },
    spec: { policyName: name },
  });
};
