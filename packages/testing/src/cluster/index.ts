export type {
  ClusterFacts,
  ClusterImage,
  ClusterNetwork,
  ClusterNode,
  ClusterRegistry,
  ImageSpec,
  TestCluster,
} from "./contract.ts";
export { echoImage } from "./echo-image.ts";
export {
  builtProgramsDirectory,
  type ClusterLevel,
  clusterSources,
  cniDirectory,
  findClusterPrograms,
  isSystemProgram,
} from "./programs.ts";
export { type ApiProxy, openApiProxy, type ProxiedCall, type Script, type Verdict } from "./scripted-api-proxy.ts";
export { type ClusterWish, clusterDirectoryPrefix, endCluster, startCluster } from "./start-cluster.ts";
