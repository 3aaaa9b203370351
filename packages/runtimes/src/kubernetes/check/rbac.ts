import { rights } from "./rights.ts";

const list = (values: readonly string[]): string => `[${values.map((value) => JSON.stringify(value)).join(", ")}]`;

/** Names of what `deploy/kubernetes/rbac.yaml` makes. */
export const rbacName = "portolan-worker";
export const rbacNamespace = "portolan";

/** The worker's rights as an operator applies them, made of the one table. */
export const renderRbac = (): string => {
  const rules = rights.map(
    ({ group, resource, verbs }) =>
      `  - apiGroups: ${list([group])}\n    resources: ${list([resource])}\n    verbs: ${list(verbs)}`,
  );
  return `# What a Portolan worker may do on a cluster, and an account that may. Made of
# packages/runtimes/src/kubernetes/check/rights.ts; a test keeps the two the same.
#   kubectl apply -f deploy/kubernetes/rbac.yaml
# The rights are for the whole cluster, since each part of a chain has a namespace of its own: secrets included. Give the
# worker a cluster of its own, or one whose other tenants may be seen by it.
apiVersion: v1
kind: Namespace
metadata:
  name: ${rbacNamespace}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: ${rbacName}
  namespace: ${rbacNamespace}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: ${rbacName}
rules:
${rules.join("\n")}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: ${rbacName}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: ${rbacName}
subjects:
  - kind: ServiceAccount
    name: ${rbacName}
    namespace: ${rbacNamespace}
`;
};
