import { BlockList, isIP } from "node:net";

/** IANA IPv4 special-purpose registry, everything that is not globally reachable, and multicast. */
const refusedV4 = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const;

/** Inside global unicast: protocol assignments with Teredo and ORCHID, documentation, 6to4. */
const refusedV6 = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const;

const v4 = new BlockList();
for (const [address, prefix] of refusedV4) v4.addSubnet(address, prefix, "ipv4");
const globalV6 = new BlockList();
globalV6.addSubnet("2000::", 3, "ipv6");
const v6 = new BlockList();
for (const [address, prefix] of refusedV6) v6.addSubnet(address, prefix, "ipv6");

/**
 * True when a numeric address may be dialled for a tenant. IPv6 is an allow-list: only global unicast (2000::/3), so
 * loopback, unique local, link-local, IPv4-mapped, NAT64 (64:ff9b::/96, 64:ff9b:1::/48) and whatever comes later are
 * out by themselves. Zones (`fe80::1%eth0`) and texts that are no address are refused.
 */
export const isPublicAddress = (address: string): boolean => {
  if (address.includes("%")) return false;
  const family = isIP(address);
  if (family === 4) return !v4.check(address, "ipv4");
  if (family === 6) return globalV6.check(address, "ipv6") && !v6.check(address, "ipv6");
  return false;
};

/** Names that mean this machine or this network wherever they are asked (RFC 6761, 6762, 8375, 9476, cloud metadata). */
const refusedZones =
  /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|private|corp|home|lan|home\.arpa|arpa|onion|test|invalid|alt)$/;

/** True when a host name may be resolved for a tenant: several labels, and no name of an inner zone. */
export const isPublicName = (name: string): boolean => {
  const bare = name.toLowerCase().replace(/\.$/, "");
  if (bare.length === 0 || bare.length > 253 || !bare.includes(".")) return false;
  return /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/.test(bare) && !refusedZones.test(bare);
};
