import { expect, test } from "vitest";
import {
  defaultChaincodes,
  findChaincode,
  mayPullFrom,
  toCatalogue,
  toTenantRegistries,
  withinReach,
} from "./operator-config.ts";

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

test("tenants' images come from the registries that are listed, and from those that ship where none are", () => {
  const may = (text: string | undefined, host: string) => mayPullFrom({ forks: [], ...toTenantRegistries(text) }, host);
  expect([may(undefined, "ghcr.io"), may(undefined, "10.0.0.1:5000"), may("", "ghcr.io")]).toEqual([
    true,
    false,
    false,
  ]);
  const list = "mirror.example:5000, *.azurecr.io";
  expect(may(list, "mirror.example:5000")).toBe(true);
  expect(may(list, "acme.azurecr.io")).toBe(true);
  for (const host of ["mirror.example", "azurecr.io", "acme.azurecr.io:8443", "acmeazurecr.io", "ghcr.io"])
    expect([host, may(list, host)]).toEqual([host, false]);
  for (const wrong of ["*", "https://ghcr.io", "ghcr", "a.*.io"])
    expect(() => toTenantRegistries(wrong)).toThrow(/PORTOLAN_TENANT_REGISTRIES/);
});

test("what a region can't do is taken away; that it keeps tenants' code apart must be known", () => {
  const operator = { forks: [], forwarderUrl: "http://127.0.0.1:1" };
  const able = { tenantCode: true };
  expect(withinReach(operator, [able, able])).toBe(operator);
  for (const regions of [[able, {}], [able, null], [{ tenantCode: false }]])
    expect(withinReach(operator, regions)).toEqual({ ...operator, isTenantCodeRefused: true });
  expect(withinReach(operator, [{ ...able, reachesForwarder: false }])).toEqual({
    forks: [],
    isForwarderOutOfReach: true,
  });
  expect(withinReach(operator, [able, { ...able, hidesSourceAddress: true }])).toEqual({
    ...operator,
    isSourceHidden: true,
  });
});
