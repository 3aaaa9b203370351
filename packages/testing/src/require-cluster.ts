import { join } from "node:path";
import { inject } from "vitest";
import type { TestCluster } from "./cluster/contract.ts";
import { type ClusterLevel, findClusterPrograms, isSystemProgram } from "./cluster/programs.ts";
import { startCluster } from "./cluster/start-cluster.ts";
import { missing } from "./missing.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where the run's shared clusters are, one directory per level. */
    testClusterHome: string;
    /** The run's own process: its end is theirs. */
    testClusterOwner: number;
  }
}

export interface RequiredCluster {
  /** The run's one cluster of this level, or with `own` one of the caller's, who closes it. */
  start(options?: { readonly own?: boolean; readonly nodes?: 1 | 2 }): Promise<TestCluster>;
}

const systemPackages =
  "containerd runc containernetworking-plugins nftables iptables conntrack iproute2 docker-registry";

/**
 * What starts the test cluster of a level, or undefined after saying in one line what is missing and how to get it; a
 * failure where PORTOLAN_REQUIRE lists `kubernetes` or `all`. Nothing runs before `start`.
 */
export function requireCluster(level: ClusterLevel): RequiredCluster | undefined {
  const absent = whatIsAbsent(level);
  if (absent !== undefined) return missing(["kubernetes"], `the test cluster (level ${level}) cannot start: ${absent}`);
  return {
    start({ own = false, nodes } = {}) {
      const home = inject("testClusterHome");
      const owner = own ? process.pid : inject("testClusterOwner");
      const wish = { level, owner, ...(nodes === undefined ? {} : { nodes }) };
      // Level 3 always has both nodes where it is shared: another suite may need the second.
      return startCluster(own ? wish : { ...wish, nodes: 2, sharedAt: join(home, `level-${level}`) });
    },
  };
}

const whatIsAbsent = (level: ClusterLevel): string | undefined => {
  if (process.platform !== "linux") return "it runs on Linux only";
  if (level === 3 && process.getuid?.() !== 0) return "real nodes need root";
  const { missing: names } = findClusterPrograms(level);
  if (names.length === 0) return undefined;
  const hints = [
    names.some((name) => !isSystemProgram(name)) ? "node test/cluster/programs/build.ts (needs Go 1.25)" : undefined,
    names.some(isSystemProgram) ? `apt-get install ${systemPackages}` : undefined,
  ];
  return `${names.join(", ")} not found: ${hints.filter((hint) => hint !== undefined).join(" and ")}`;
};
