import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isInRange, parseAddressRange } from "./ip-address.ts";
import { createKeyGuard, keyRestrictionsSchema, noKeyRestrictions } from "./key-restrictions.ts";

const isIn = (address: string, range: string): boolean => {
  const [a, r] = [parseAddressRange(address), parseAddressRange(range)];
  return a !== null && r !== null && isInRange(a, r);
};

describe("address ranges", () => {
  it.each([
    ["192.0.2.7", "192.0.2.0/24", true],
    ["192.0.3.7", "192.0.2.0/24", false],
    ["10.0.0.1", "10.0.0.1", true],
    ["10.0.0.2", "10.0.0.1", false],
    ["255.255.255.255", "0.0.0.0/0", true],
    ["2001:db8::1", "2001:db8::/32", true],
    ["2001:db9::1", "2001:db8::/32", false],
    ["::ffff:192.0.2.7", "192.0.2.0/24", true],
    ["::ffff:c000:207", "192.0.2.0/24", true],
    ["192.0.2.7", "::ffff:192.0.2.0/120", true],
    ["192.0.2.7", "::/0", false],
    ["::1", "0.0.0.0/0", false],
    ["1:2:3:4:5:6:7:8", "1:2:3:4::/64", true],
  ])("%s in %s: %s", (address, range, expected) => {
    expect(isIn(address, range)).toBe(expected);
  });

  it.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "256.0.0.1",
    "01.2.3.4",
    "1.2.3.4/33",
    "1.2.3.4/",
    "1.2.3.4/08",
    "0x7f.0.0.1",
    "2130706433",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "::1/129",
    "fe80::1%eth0",
    "[::1]",
    "::ffff:1.2.3.256",
    "1:2:3:4:5:6:7::8",
    "localhost",
    " 1.2.3.4",
  ])("refuses %j", (text) => {
    expect(parseAddressRange(text)).toBeNull();
  });

  it("contains exactly the addresses that share the leading bits", () => {
    const quads = fc.ipV4();
    fc.assert(
      fc.property(quads, quads, fc.nat(32), (a, b, bits) => {
        const toBits = (text: string) =>
          text
            .split(".")
            .map((part) => Number(part).toString(2).padStart(8, "0"))
            .join("");
        return isIn(a, `${b}/${bits}`) === (toBits(a).slice(0, bits) === toBits(b).slice(0, bits));
      }),
    );
  });

  it("reads every IPv6 address that is one", () => {
    fc.assert(fc.property(fc.ipV6(), (text) => parseAddressRange(text) !== null));
  });
});

describe("a key's restrictions", () => {
  it("limit nothing when empty", () => {
    const guard = createKeyGuard(noKeyRestrictions);
    expect(guard.allowsOrigin(undefined)).toBe(true);
    expect(guard.allowsAddress("not an address")).toBe(true);
    expect(guard.allowsMethod("eth_call")).toBe(true);
  });

  it("allow what they name and nothing else", () => {
    const guard = createKeyGuard({
      origins: ["https://app.example.org"],
      addresses: ["192.0.2.0/24", "2001:db8::/32"],
      methods: ["eth_*", "net_version"],
    });
    expect(guard.allowsOrigin("https://app.example.org")).toBe(true);
    expect(guard.allowsOrigin("https://app.example.org.evil.example")).toBe(false);
    expect(guard.allowsOrigin("null")).toBe(false);
    expect(guard.allowsOrigin(undefined)).toBe(false);
    expect(guard.allowsAddress("192.0.2.200")).toBe(true);
    expect(guard.allowsAddress("::ffff:192.0.2.200")).toBe(true);
    expect(guard.allowsAddress("198.51.100.1")).toBe(false);
    expect(guard.allowsAddress("unknown")).toBe(false);
    expect(guard.allowsAddress("192.0.2.0/24")).toBe(false);
    expect(guard.allowsMethod("eth_call")).toBe(true);
    expect(guard.allowsMethod("net_version")).toBe(true);
    expect(guard.allowsMethod("net_listening")).toBe(false);
    expect(guard.allowsMethod("ethx_call")).toBe(false);
  });

  it.each([
    { origins: ["https://app.example.org/"] },
    { origins: ["https://App.example.org"] },
    { origins: ["https://app.example.org:443"] },
    { origins: ["http://[::1]:80"] },
    { origins: ["https://*.example.org"] },
    { origins: ["null"] },
    { origins: ["https://a.example", "https://a.example"] },
    { addresses: ["10.0.0.0/33"] },
    { methods: ["*"] },
    { methods: ["eth_*call"] },
    { methods: [""] },
    { methods: Array.from({ length: 101 }, (_, index) => `eth_m${index}`) },
    { referers: [] },
  ])("are refused: %j", (restrictions) => {
    expect(keyRestrictionsSchema.safeParse(restrictions).success).toBe(false);
  });

  it("are accepted in the forms that browsers, sockets and nodes use", () => {
    const restrictions = {
      origins: ["http://localhost:5173", "https://a.example", "http://[::1]:8080"],
      addresses: ["::1", "10.0.0.0/8"],
      methods: ["eth_getBlockByNumber", "debug_*"],
    };
    expect(keyRestrictionsSchema.parse(restrictions)).toEqual(restrictions);
    expect(keyRestrictionsSchema.parse({})).toEqual(noKeyRestrictions);
  });
});
