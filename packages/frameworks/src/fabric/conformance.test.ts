import { describe, it } from "vitest";
import { highSigner, part, toSpec } from "../../test/fabric-material.ts";
import { describeFrameworkConformance } from "../conformance/conformance.ts";
import { fabric } from "./fabric.ts";

const channel = part("channel", "main", {});
const chaincode = part("chaincode", "basic", {
  channel: "main",
  source: { kind: "catalogue", name: "asset-transfer" },
});
const organisations = [{ name: "org1", peers: 2 }, { name: "org2" }];

describeFrameworkConformance(fabric, {
  runner: { describe, it },
  signer: highSigner(),
  specs: [
    { name: "one orderer, one organisation", spec: { ...toSpec(), plan: "dev" } },
    {
      name: "three orderers, two organisations, a channel, chaincode and an identity",
      spec: toSpec({ organisations }, [channel, chaincode, part("identity", "alice", { organisation: "org1" })]),
    },
    {
      name: "BFT over two regions",
      spec: { ...toSpec({ consensus: "bft", organisations }, [channel]), regions: ["a", "b"] },
    },
  ],
});
