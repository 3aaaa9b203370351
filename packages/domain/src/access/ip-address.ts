/** An address or a range as an integer of 32 (IPv4) or 128 bits (IPv6) and how many leading bits count. */
export interface AddressRange {
  family: 4 | 6;
  value: bigint;
  prefixLength: number;
}

const parseIpv4 = (text: string): bigint | null => {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  let value = 0n;
  for (const part of parts) {
    // No leading zeros: some programs read `010` as octal.
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return null;
    value = (value << 8n) | BigInt(part);
  }
  return value;
};

const parseGroups = (text: string): bigint[] | null => {
  if (text === "") return [];
  const groups: bigint[] = [];
  for (const group of text.split(":")) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return null;
    groups.push(BigInt(`0x${group}`));
  }
  return groups;
};

/** Rewrites a dotted tail (`::ffff:10.0.0.1`) as two groups. */
const withoutDottedTail = (text: string): string | null => {
  if (!text.includes(".")) return text;
  const start = text.lastIndexOf(":") + 1;
  const tail = parseIpv4(text.slice(start));
  return tail === null ? null : `${text.slice(0, start)}${(tail >> 16n).toString(16)}:${(tail & 0xffffn).toString(16)}`;
};

const parseIpv6 = (input: string): bigint | null => {
  const text = withoutDottedTail(input);
  if (text === null) return null;
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = parseGroups(halves[0] ?? "");
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? "") : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  return [...head, ...Array<bigint>(missing).fill(0n), ...tail].reduce((value, group) => (value << 16n) | group, 0n);
};

/**
 * Reads `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32`. An IPv4-mapped IPv6 address is read as the IPv4 address, as
 * sockets that listen on both report it. Zones (`%eth0`) and brackets are refused. `null` when it is neither.
 */
export const parseAddressRange = (text: string): AddressRange | null => {
  if (text.length > 49) return null;
  const slash = text.indexOf("/");
  const address = slash === -1 ? text : text.slice(0, slash);
  const isV6 = address.includes(":");
  const value = isV6 ? parseIpv6(address) : parseIpv4(address);
  if (value === null) return null;
  const bits = isV6 ? 128 : 32;
  const lengthText = slash === -1 ? String(bits) : text.slice(slash + 1);
  if (!/^(0|[1-9][0-9]{0,2})$/.test(lengthText)) return null;
  const prefixLength = Number(lengthText);
  if (prefixLength > bits) return null;
  if (isV6 && value >> 32n === 0xffffn && prefixLength >= 96) {
    return { family: 4, value: value & 0xffffffffn, prefixLength: prefixLength - 96 };
  }
  return { family: isV6 ? 6 : 4, value, prefixLength };
};

/** Whether `address` (a single address, parsed) lies in `range`. */
export const isInRange = (address: AddressRange, range: AddressRange): boolean => {
  if (address.family !== range.family) return false;
  const drop = BigInt((range.family === 4 ? 32 : 128) - range.prefixLength);
  return address.value >> drop === range.value >> drop;
};
