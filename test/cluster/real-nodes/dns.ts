import type { ClusterApi } from "../api.ts";

const corefile = `.:5353 {
  errors
  ready :8181
  kubernetes cluster.local in-addr.arpa {
    pods insecure
    ttl 5
  }
}
`;
const name = "coredns";
const labels = { "k8s-app": "kube-dns" };
const namespace = "kube-system";

/** The cluster's names, served by CoreDNS in a pod; names outside the cluster are not resolved. */
export const startDns = async (api: ClusterApi, image: string, address: string): Promise<void> => {
  const core = `/api/v1/namespaces/${namespace}`;
  const rights = "/apis/rbac.authorization.k8s.io/v1";
  const role = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:coredns" };
  await api.apply(`${core}/serviceaccounts/${name}`, toObject("v1", "ServiceAccount", {}));
  await api.apply(`${core}/configmaps/${name}`, toObject("v1", "ConfigMap", { data: { Corefile: corefile } }));
  await api.apply(`${rights}/clusterroles/${role.name}`, {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: role.name },
    rules: [
      { apiGroups: [""], resources: ["endpoints", "services", "pods", "namespaces"], verbs: ["list", "watch"] },
      { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: ["list", "watch"] },
    ],
  });
  await api.apply(`${rights}/clusterrolebindings/${role.name}`, {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: role.name },
    roleRef: role,
    subjects: [{ kind: "ServiceAccount", name, namespace }],
  });
  await api.apply(`${core}/services/kube-dns`, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "kube-dns", namespace, labels },
    spec: {
      clusterIP: address,
      selector: labels,
      ports: [
        { name: "dns", port: 53, targetPort: 5353, protocol: "UDP" },
        { name: "dns-tcp", port: 53, targetPort: 5353, protocol: "TCP" },
      ],
    },
  });
  // On every node: names are resolved whichever of them is killed.
  const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: toPod(image) } };
  await api.apply(
    `/apis/apps/v1/namespaces/${namespace}/daemonsets/${name}`,
    toObject("apps/v1", "DaemonSet", { spec }),
  );
};

const toObject = (apiVersion: string, kind: string, rest: object) => ({
  apiVersion,
  kind,
  metadata: { name, namespace },
  ...rest,
});

const toPod = (image: string) => ({
  serviceAccountName: name,
  priorityClassName: "system-cluster-critical",
  dnsPolicy: "Default",
  containers: [
    {
      name,
      image,
      args: ["-conf", "/etc/coredns/Corefile"],
      readinessProbe: { httpGet: { path: "/ready", port: 8181 }, periodSeconds: 1 },
      resources: { requests: { cpu: "10m", memory: "32Mi" } },
      volumeMounts: [{ name: "config", mountPath: "/etc/coredns", readOnly: true }],
    },
  ],
  volumes: [{ name: "config", configMap: { name } }],
});
