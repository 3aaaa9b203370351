import { defineConfig } from "vitest/config";

const timeouts = { testTimeout: 60_000, hookTimeout: 120_000 };
const exclude = ["**/node_modules/**", "**/dist/**", "**/generated/**", "**/fixtures/**"];

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
          globalSetup: ["packages/testing/src/postgres-global-setup.ts"],
          sequence: { groupOrder: 0 },
          ...timeouts,
        },
      },
      {
        test: {
          name: "journeys",
          include: ["test/**/*.test.ts"],
          exclude,
          globalSetup: ["packages/testing/src/postgres-global-setup.ts"],
          // The whole plane, its ports and its clocks: one at a time, after everything else.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          ...timeouts,
        },
      },
    ],
  },
});
