import { expect, it } from "vitest";
import { shardOf, toNamedAddress } from "./names.ts";

const chain = "chn_01jd0000000000000000000021";
const at = { domain: "paris.example.org", port: 443 };

it("a node's name outside is one label below the domain, whatever it is called, and no other node's", () => {
  expect(toNamedAddress("peer-org1-0", chain, at)).toEqual({
    host: "peer-org1-0-chn-01jd0000000000000000000021.paris.example.org",
    number: 443,
    serverName: "peer-org1-0-chn-01jd0000000000000000000021.paris.example.org",
  });
  const names = [
    "peer-a-very-long-organisation-name-0",
    "peer-a-very-long-organisation-name-1",
    "Peer_0",
    "x".repeat(60),
  ];
  const made = names.map((name) => toNamedAddress(name, chain, at).serverName);
  expect(new Set(made).size).toBe(names.length);
  for (const name of made) {
    expect(name).toMatch(/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?\.paris\.example\.org$/);
    expect(name).not.toContain("_");
  }
});

it("placements are spread over the objects with routes, and stay where they are", () => {
  const names = Array.from({ length: 200 }, (_, index) => `p-plc-${index}`);
  expect(new Set(names.map(shardOf)).size).toBe(4);
  expect(shardOf("p-plc-1")).toBe(shardOf("p-plc-1"));
});
