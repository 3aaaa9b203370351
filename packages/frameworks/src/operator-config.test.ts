import { expect, test } from "vitest";
import { defaultChaincodes, findChaincode, toCatalogue } from "./operator-config.ts";

const own = {
  name: "notary",
  title: "Notary",
  program: "chaincode-notary",
  version: "2.1.0",
  image: "registry.example/notary:2.1.0",
};

test("where nothing is configured the catalogue is what ships with Portolan", () => {
  const operator = { forks: [], ...toCatalogue(undefined) };
  expect(defaultChaincodes.map(({ name }) => findChaincode(operator, name)?.program)).toEqual([
    "chaincode-asset-transfer",
    "chaincode-token",
  ]);
});

test("an operator's list takes its place, an empty one too", () => {
  const operator = { forks: [], ...toCatalogue(JSON.stringify([own])) };
  expect(findChaincode(operator, "notary")).toEqual(own);
  expect(findChaincode(operator, "token")).toBeUndefined();
  expect(findChaincode({ forks: [], ...toCatalogue("[]") }, "token")).toBeUndefined();
});

test("a wrong list is refused with its place", () => {
  const wrong = [
    ["not JSON", /is not JSON/],
    ["{}", /wrong at: the list/],
    [JSON.stringify([own, own]), /each name once/],
    [JSON.stringify([{ ...own, program: "../sh" }]), /wrong at: 0.program/],
    [JSON.stringify([{ ...own, program: "a/b" }]), /wrong at: 0.program/],
    [JSON.stringify([{ ...own, extra: 1 }]), /wrong at: 0/],
  ] as const;
  for (const [text, message] of wrong) expect(() => toCatalogue(text)).toThrow(message);
});
