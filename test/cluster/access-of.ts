import type { TestCluster } from "@portolan/testing";
import type { ApiAccess } from "./api.ts";

/** What a cluster's administrator calls its API with. */
export const accessOf = (cluster: Pick<TestCluster, "server" | "kubeconfig">): ApiAccess => {
  const { clusters, users } = JSON.parse(cluster.kubeconfig);
  const text = (base64: string): string => Buffer.from(base64, "base64").toString("utf8");
  return {
    server: cluster.server,
    authority: text(clusters[0].cluster["certificate-authority-data"]),
    certificate: text(users[0].user["client-certificate-data"]),
    key: text(users[0].user["client-key-data"]),
  };
};
