/** `main.ts [level] [nodes]`: a test cluster until Ctrl-C, for a look by hand. */
import { type ClusterLevel, startCluster } from "@portolan/testing/cluster";

const [levelText = "2", nodesText = "1"] = process.argv.slice(2);
const level = Number(levelText) as ClusterLevel;
const cluster = await startCluster({ level, nodes: nodesText === "2" ? 2 : 1 });
console.log(`export KUBECONFIG=${cluster.adminKubeconfigPath}`);
console.log(`${cluster.kubectl} get nodes`);

const idle = setInterval(() => undefined, 60_000);
const end = async (): Promise<void> => {
  clearInterval(idle);
  await cluster.close();
};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => void end());
