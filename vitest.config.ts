import { defineConfig } from "vitest/config";

// Long enough for a busy machine with two cores: a test says how long something may take where that is its subject.
const limits = { testTimeout: 180_000, hookTimeout: 300_000, expect: { poll: { timeout: 30_000 } } };
const exclude = ["**/node_modules/**", "**/dist/**", "**/generated/**", "**/fixtures/**"];

const globalSetup = ["packages/testing/src/postgres-global-setup.ts", "packages/testing/src/cluster-global-setup.ts"];

export default defineConfig({
  test: {
    pool: "forks",
    // Most suites start real programs (Postgres, Redis, nodes): more workers than this make them slow, not fast.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: "packages",
          include: ["{packages,apps,chaincode}/*/{src,test}/**/*.test.ts", "scripts/*.test.ts"],
          exclude,
          globalSetup,
          sequence: { groupOrder: 0 },
          ...limits,
        },
      },
      {
        test: {
          name: "journeys",
          include: ["test/**/*.test.ts"],
          exclude,
          globalSetup,
          // The whole plane, on ports that each claims for itself: after everything else.
          sequence: { groupOrder: 1 },
          ...limits,
          testTimeout: 1_200_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
