import type { JsonObject } from "@portolan/domain";
import { octezAccessList } from "../http-policy.ts";

/** What the plane asks of a node to see how it is (`inspect`, and the probe). */
const forThePlane = [
  "GET /version",
  "GET /protocols",
  "GET /network/connections",
  "GET /chains/*/is_bootstrapped",
  "GET /chains/*/blocks/*/hash",
  "GET /chains/*/blocks/*/header",
  "GET /chains/*/blocks/*/protocols",
];

/**
 * The node's access list for an address that it listens on. Without one, Octez opens everything on loopback and little on
 * any other address, so that a chain would answer differently on a laptop and on a cluster. An RPC node answers what the
 * gateway lets through and the plane asks, whoever reaches its port. A baker's node is called by its own baker and the
 * plane alone, and activates the protocol: everything is open there.
 */
export const toAccessList = (address: string, isBaker: boolean): JsonObject =>
  isBaker ? { address, blacklist: [] } : { address, whitelist: [...new Set([...forThePlane, ...octezAccessList])] };
