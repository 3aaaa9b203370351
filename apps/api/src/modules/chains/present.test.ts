import { findFramework } from "@portolan/frameworks";
import type { ChainRow } from "@portolan/store";
import { expect, it } from "vitest";
import { presentChain } from "./present.ts";

const frameworks = { find: findFramework } as Parameters<typeof presentChain>[1];
const places = { urls: new Map<string, string>(), grpcAddress: undefined };
const rowOf = (framework: string, plan: string, settings: object): ChainRow =>
  ({
    ...{ id: "chn_1", appId: "app_1", name: "chain", framework, version: "1", plan, hosting: "dedicated", regions: [] },
    ...{ settings, generation: 1, observedGeneration: 1, phase: "running", conditions: [], wish: "running" },
    ...{ createdAt: new Date(0), deletedAt: null, purgeAt: null },
  }) as unknown as ChainRow;
const defaultsOf = (...given: Parameters<typeof rowOf>) =>
  presentChain(rowOf(...given), frameworks, places).planDefaults;

it("what the plan decides stands beside what the settings say, and only where they don't", () => {
  const settings = { organisations: [{ name: "org1" }] };
  expect(defaultsOf("fabric", "standard", settings)).toEqual({ orderers: 3 });
  expect(defaultsOf("fabric", "dev", { ...settings, consensus: "bft" })).toEqual({ orderers: 4 });
  expect(defaultsOf("fabric", "standard", { ...settings, orderers: 5 })).toBeUndefined();
  expect(defaultsOf("anvil", "dev", {})).toBeUndefined();
  // Of an older release, say.
  expect(defaultsOf("fabric", "gone", settings)).toBeUndefined();
  expect(defaultsOf("fabric", "dev", { organisations: "none" })).toBeUndefined();
});
