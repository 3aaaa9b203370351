import type { JsonObject } from "@portolan/domain";

/**
 * What an RPC node answers to nobody, whoever reaches its port. The gateway lets through far less; this is the second wall,
 * in the node itself, so that a caller who got around it can change nothing of the node.
 */
const neverAsked = [
  "POST /injection/block",
  "POST /injection/protocol",
  "/private/**",
  "PATCH /network/**",
  "PUT /network/**",
  "POST /network/**",
  "DELETE /network/**",
  "/workers/**",
  "/gc/**",
  "/fetch_protocol/**",
  "PUT /config/**",
  "PATCH /chains/**",
  "DELETE /chains/**",
  "POST /chains/*/mempool/filter",
  "POST /chains/*/mempool/ban_operation",
  "POST /chains/*/mempool/unban_operation",
  "POST /chains/*/mempool/unban_all_operations",
  "POST /chains/*/mempool/request_operations",
];

/**
 * The node's access list for an address that it listens on. Without one, Octez opens everything on loopback and little on
 * any other address, so that a chain would answer differently on a laptop and on a cluster. A baker's node is called by
 * its own baker and the plane only, and activates the protocol: everything is open there.
 */
export const toAccessList = (address: string, isBaker: boolean): JsonObject => ({
  address,
  blacklist: isBaker ? [] : neverAsked,
});
