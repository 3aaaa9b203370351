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
export { type ClusterWish, clusterDirectoryPrefix, endCluster, startCluster } from "./start-cluster.ts";
