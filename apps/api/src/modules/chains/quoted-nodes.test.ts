import { defaultQuotaLimits, type JsonObject } from "@portolan/domain";
import { findFramework } from "@portolan/frameworks";
import { expect, it } from "vitest";
import { quotedNodes } from "./quoted-nodes.ts";
import { nobodysChain } from "./review.ts";

it("a new customer's quota has room for a standard network of two organisations with two peers and a chaincode each", () => {
  const framework = findFramework("fabric");
  const facts = framework?.plans.find(({ plan }) => plan === "standard");
  if (framework === undefined || facts === undefined) throw new Error("there is no standard network");
  const organisations = ["org1", "org2"].map((name) => ({ name, peers: 2 }));
  const settings = framework.settings.parse({ organisations }) as JsonObject;
  const parts = ["one", "two"].map((name) => ({
    ...{ id: `cco_${name}`, kind: "chaincode", name, generation: 1 },
    settings: framework.parts
      .find(({ kind }) => kind === "chaincode")
      ?.settings.parse({ channel: "main", source: { kind: "catalogue", name: "asset-transfer" } }) as JsonObject,
  }));
  const spec = { ...nobodysChain, framework: "fabric", plan: "standard", settings, regions: ["local"], parts };
  const nodes = quotedNodes(framework, facts, spec);
  expect(nodes.map(({ role }) => role).sort()).toEqual([
    ...["chaincode", "chaincode", "orderer", "orderer", "orderer", "peer", "peer", "peer", "peer"],
  ]);
  for (const { role, storageBytes } of nodes) expect([role, storageBytes > 0n]).toEqual([role, role !== "chaincode"]);
  const bytes = nodes.reduce((sum, { storageBytes }) => sum + Number(storageBytes), 0);
  expect(bytes).toBeLessThanOrEqual(defaultQuotaLimits.storageBytes);
  expect(nodes.length).toBeLessThanOrEqual(defaultQuotaLimits.nodes);
});
