import { z } from "zod";
import { type AddressRange, isInRange, parseAddressRange } from "./ip-address.ts";

const maxEntries = 100;
const unique = (list: readonly string[]): boolean => new Set(list).size === list.length;
const uniqueMessage = "An entry is named twice.";

// The form that browsers send in `Origin`: scheme, host, a port only when it is not the default; never a path.
const originPattern =
  /^https?:\/\/(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::[1-9][0-9]{0,4})?$/;
const defaultPortPattern = /^(?:http:.*[^\]]:80|https:.*[^\]]:443|http:.*\]:80|https:.*\]:443)$/;
const methodPattern = /^[A-Za-z][A-Za-z0-9]{0,31}(?:_(?:[A-Za-z0-9_]{1,64}|\*))?$/;

const originSchema = z
  .string()
  .max(300)
  .refine(
    (origin) => originPattern.test(origin) && !defaultPortPattern.test(origin),
    "Write an origin as the browser sends it, e.g. https://app.example.org: lower case, no path, no default port.",
  );
const addressSchema = z
  .string()
  .max(49)
  .refine((address) => parseAddressRange(address) !== null, "Write an IP address or a range, e.g. 192.0.2.0/24.");
const methodSchema = z.string().max(100).regex(methodPattern, "Write a method's name, or a namespace as eth_*.");

/** What a key is limited to. An empty list does not limit; lists of different kinds must all be satisfied. */
export const keyRestrictionsSchema = z.strictObject({
  origins: z.array(originSchema).max(maxEntries).refine(unique, uniqueMessage).default([]),
  addresses: z.array(addressSchema).max(maxEntries).refine(unique, uniqueMessage).default([]),
  methods: z.array(methodSchema).max(maxEntries).refine(unique, uniqueMessage).default([]),
});
export type KeyRestrictions = z.output<typeof keyRestrictionsSchema>;

export const noKeyRestrictions: KeyRestrictions = { origins: [], addresses: [], methods: [] };

/** Answers each question from tables made once per key. */
export interface KeyGuard {
  /** `undefined`: the request had no `Origin`, which a key that is limited to origins does not accept. */
  allowsOrigin(origin: string | undefined): boolean;
  /** The caller's address as the socket (or a trusted proxy) says it. What can't be read is not allowed. */
  allowsAddress(address: string): boolean;
  allowsMethod(method: string): boolean;
}

export const createKeyGuard = (restrictions: KeyRestrictions): KeyGuard => {
  const origins = new Set(restrictions.origins);
  const ranges: AddressRange[] = [];
  for (const text of restrictions.addresses) {
    const range = parseAddressRange(text);
    if (range !== null) ranges.push(range);
  }
  const methods = new Set(restrictions.methods.filter((method) => !method.endsWith("*")));
  const namespaces = restrictions.methods.filter((method) => method.endsWith("*")).map((method) => method.slice(0, -1));
  return {
    allowsOrigin: (origin) => origins.size === 0 || (origin !== undefined && origins.has(origin)),
    allowsAddress: (text) => {
      if (restrictions.addresses.length === 0) return true;
      const address = text.includes("/") ? null : parseAddressRange(text);
      return address !== null && ranges.some((range) => isInRange(address, range));
    },
    allowsMethod: (method) =>
      restrictions.methods.length === 0 ||
      methods.has(method) ||
      namespaces.some((namespace) => method.startsWith(namespace)),
  };
};
