export type { ClusterImage, ImageSpec, TestCluster } from "./cluster/contract.ts";
export {
  certificateDays,
  createFakeFramework,
  type FakeExchange,
  fakeAuthority,
  fakeNotary,
  httpExchange,
  topicKind,
} from "./fake-framework/fake-framework.ts";
export { createFakeMachines, createFakeRuntime, type FakeMachines } from "./fake-runtime/fake-runtime.ts";
export { freePort } from "./free-port.ts";
export { claimPortRange, type TestPortRange } from "./port-range.ts";
export { createTestPostgres, type TestDatabase, type TestPostgres, testDatabase } from "./postgres/test-postgres.ts";
export { type BesuStandIn, requireBesuStandIn } from "./require-besu-stand-in.ts";
export { type RequiredCluster, requireCluster } from "./require-cluster.ts";
export { type RequiredPrograms, requireProgram, requireProgramSet } from "./require-program.ts";
export { type SeededClock, seededClock } from "./seeded-clock.ts";
export { seededRandom } from "./seeded-random.ts";
export { temporaryDirectory } from "./temporary-directory.ts";
export { createTestRedis, type TestRedis } from "./test-redis.ts";
