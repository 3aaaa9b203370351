import type { ProtocolData } from "./protocol-data.ts";
import { ushuaia } from "./ushuaia.ts";

/** One line a protocol. The first is the default of new chains. */
export const knownProtocols: readonly ProtocolData[] = [ushuaia];

/** By name or hash; undefined when its constants are not known here. */
export const findProtocol = (nameOrHash: string): ProtocolData | undefined =>
  knownProtocols.find(({ name, hash }) => name === nameOrHash || hash === nameOrHash);

/** The protocol of block 0: it can do nothing but activate another. */
export const genesisProtocol = "Ps9mPmXaRzmzk35gbAYNCAw6UXdE2qoABTHbN2oEEc1qM7CwT9P";
