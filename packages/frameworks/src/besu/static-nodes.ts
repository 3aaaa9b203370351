import type { AddressesByRegion, MaterialItem, NodeSpec } from "@portolan/domain";
import { identityOf, toEnode } from "./node-key.ts";
import { ports } from "./topology.ts";

/**
 * Enode addresses of nodes, by their reserved ones, in all regions. Throws where a node has no key or no address: the
 * coordinator waits for both before it asks.
 */
export const toEnodes = (
  nodes: readonly NodeSpec[],
  material: readonly MaterialItem[],
  addresses: AddressesByRegion,
): string[] =>
  nodes.map(({ name, region }) => {
    const identity = identityOf(material, name);
    const at = addresses[region]?.find(({ node, port }) => node === name && port === ports.p2p);
    if (identity === undefined) throw new Error(`${name} has no key`);
    if (at === undefined) throw new Error(`no address is reserved for ${name}/${ports.p2p}`);
    return toEnode(identity, at);
  });

/** The file: everybody but the node itself. One of two that knows the other is enough, so news can wait for a start. */
export const renderStaticNodes = (enodes: readonly string[]): string => `${JSON.stringify(enodes, null, 2)}\n`;
