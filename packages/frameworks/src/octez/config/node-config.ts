import type { JsonObject, PathRef, Text } from "@portolan/domain";
import type { GenesisFacts } from "../names.ts";
import { toAccessList } from "./access-list.ts";

/** What a node's `config.json` is made of. Addresses are `host:port`. */
export interface NodeConfigInput {
  genesis: GenesisFacts;
  isBaker: boolean;
  /** That the programs listen on. */
  rpc: string;
  p2p: string;
  /** That other nodes of the chain are dialled at. */
  peers: readonly string[];
  dataDirectory: PathRef;
}

/** Stands for the data directory until the runtime knows its path; JSON writes it as it is. */
const placeholder = "@data@";

/**
 * A network of its own: block 0, the key that may activate a protocol on it, and a name that other networks' nodes shake no
 * hands with. Members as Octez' `config_file.ml` reads them.
 */
const toNetwork = ({ block, chainName, protocol, timestamp, activator }: GenesisFacts): JsonObject => ({
  genesis: { timestamp, block, protocol },
  genesis_parameters: { values: { genesis_pubkey: activator } },
  chain_name: chainName,
  sandboxed_chain_name: "SANDBOXED_TEZOS",
  default_bootstrap_peers: [],
  user_activated_upgrades: [],
  user_activated_protocol_overrides: [],
  dal_config: { activated: false, bootstrap_peers: [] },
});

const toConfig = (input: NodeConfigInput): JsonObject => ({
  "data-dir": placeholder,
  rpc: { "listen-addrs": [input.rpc], acl: [toAccessList(input.rpc, input.isBaker)] },
  p2p: {
    // Any identity will do, see `toIdentity`; nodes that expect more would drop each other without a word.
    "expected-proof-of-work": 0,
    "bootstrap-peers": [...input.peers],
    "listen-addr": input.p2p,
    // Not private mode: that knows peers by the address they come from, which on a cluster is not the one they are dialled at.
    limits: {
      "min-connections": Math.min(1, input.peers.length),
      "expected-connections": Math.max(1, input.peers.length),
      "max-connections": 4 * Math.max(2, input.peers.length),
    },
  },
  network: toNetwork(input.genesis),
});

/** The file's text; the data directory's path is the runtime's to fill in. Pure. */
export const toNodeConfig = (input: NodeConfigInput): Text => {
  const [before = "", after = ""] = `${JSON.stringify(toConfig(input), null, 2)}\n`.split(placeholder);
  return [before, input.dataDirectory, after];
};
