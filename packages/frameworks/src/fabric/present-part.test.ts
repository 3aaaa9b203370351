import type { ChainView } from "@portolan/domain";
import { expect, test } from "vitest";
import { catalogueChaincode, fabricSpec } from "../../test/fabric-spec.ts";
import { factsName, noFacts, toJson } from "./facts.ts";
import { presentPart } from "./present-part.ts";

const part = catalogueChaincode("basic");
const spec = fabricSpec({}, { parts: [part] });
const at = "2026-01-01T00:00:00.000Z";

const viewOf = (approvals: object): ChainView => {
  const seen = { at, committed: null, approvals, answered: {}, isInitialised: null };
  return { at, nodes: {}, facts: { [factsName("local")]: toJson({ ...noFacts, chaincodes: { "main/basic": seen } }) } };
};

test("who approved a chaincode is not known before the network was asked, and said with when that was", () => {
  expect(presentPart(spec, part, [], null)).toMatchObject({ seenAt: null, approvals: null });
  expect(presentPart(spec, part, [], viewOf({}))).toMatchObject({ seenAt: at, approvals: [] });
  const definition = {
    name: "basic",
    version: "1.0",
    sequence: 1,
    policy: "",
    isInitRequired: false,
    packageId: "a:b",
  };
  expect(presentPart(spec, part, [], viewOf({ org1: definition }))).toMatchObject({
    seenAt: at,
    approvals: [{ organisation: "org1", sequence: 1, packageId: "a:b" }],
  });
});
