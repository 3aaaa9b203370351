import { z } from "zod";
import type { NodeRpc } from "./node-rpc.ts";

const hash = z.string().max(64);

const header = z.object({
  chain_id: hash,
  hash,
  level: z.number().int().min(0),
  timestamp: z.string().refine((text) => Number.isFinite(Date.parse(text))),
});

/** The block that a node takes for the newest. */
export interface Head {
  chainId: string;
  hash: string;
  level: number;
  /** RFC 3339. */
  timestamp: string;
}

export const readHead = async (rpc: NodeRpc): Promise<Head> => {
  const { chain_id: chainId, ...rest } = header.parse(await rpc.get("/chains/main/blocks/head/header"));
  return { chainId, ...rest };
};

const inForce = z.object({ next_protocol: hash });

/**
 * The protocol that the next block is made by. After the activation block it is the activated one, while `protocol` is
 * still the one of block 0.
 */
export const readProtocol = async (rpc: NodeRpc): Promise<string> =>
  inForce.parse(await rpc.get("/chains/main/blocks/head/protocols")).next_protocol;

export const readGenesisHash = async (rpc: NodeRpc): Promise<string> =>
  hash.parse(await rpc.get("/chains/main/blocks/genesis/hash"));

/** Protocols that the node has in it, by hash. One that it has not can't be activated on it. */
export const readKnownProtocols = async (rpc: NodeRpc): Promise<string[]> =>
  z.array(hash).parse(await rpc.get("/protocols"));

const version = z.object({
  version: z.object({ major: z.number().int(), minor: z.number().int() }),
  network_version: z.object({ chain_name: z.string().max(128) }),
});

/** The program's own version, and the name by which its peers know the chain. */
export const readVersion = async (rpc: NodeRpc): Promise<{ program: string; chainName: string }> => {
  const { version: found, network_version: network } = version.parse(await rpc.get("/version"));
  return { program: `${found.major}.${found.minor}`, chainName: network.chain_name };
};

const bootstrapped = z.object({ bootstrapped: z.boolean(), sync_state: z.enum(["synced", "stuck", "unsynced"]) });

export interface SyncState {
  isBootstrapped: boolean;
  /** `stuck`: all peers have the same old head, as they have on a chain that stands still. */
  state: "synced" | "stuck" | "unsynced";
}

export const readSyncState = async (rpc: NodeRpc): Promise<SyncState> => {
  const found = bootstrapped.parse(await rpc.get("/chains/main/is_bootstrapped"));
  return { isBootstrapped: found.bootstrapped, state: found.sync_state };
};

/** How many nodes it is connected with. */
export const readPeers = async (rpc: NodeRpc): Promise<number> =>
  z.array(z.unknown()).parse(await rpc.get("/network/connections")).length;
