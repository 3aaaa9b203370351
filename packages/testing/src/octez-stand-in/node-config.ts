import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { blake2b } from "@noble/hashes/blake2.js";
import { kinds, toBytes, toText } from "../scripted-tezos/base58.ts";
import type { TezosGenesis } from "../scripted-tezos/block.ts";

/** What the stand-in takes out of a node's own files. */
export interface NodeConfig {
  genesis: TezosGenesis;
  rpc: { host: string; port: number };
  p2p: { host: string; port: number };
  /** `host:port` of other nodes. */
  peers: string[];
  /** The access list of the RPC address. */
  acl: { isOpen: boolean; whitelist: string[] };
}

type Object = { [name: string]: unknown };

const object = (value: unknown, name: string): Object => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`${name} is no object`);
  return value as Object;
};
const text = (value: unknown, name: string): string => {
  if (typeof value !== "string") throw new Error(`${name} is no text`);
  return value;
};
const list = (value: unknown, name: string): unknown[] => {
  if (!Array.isArray(value)) throw new Error(`${name} is no list`);
  return value;
};
const address = (value: unknown, name: string): { host: string; port: number } => {
  const [, host, port] = /^(.+):(\d+)$/.exec(text(value, name)) ?? [];
  if (host === undefined) throw new Error(`${name} is no address`);
  return { host, port: Number(port) };
};

const toGenesis = (network: Object): TezosGenesis => {
  const genesis = object(network["genesis"], "network.genesis");
  const block = text(genesis["block"], "network.genesis.block");
  const values = object(object(network["genesis_parameters"], "network.genesis_parameters")["values"], "values");
  text(network["sandboxed_chain_name"], "network.sandboxed_chain_name");
  return {
    block,
    chainId: toText(kinds.chain, blake2b(toBytes(kinds.block, block), { dkLen: 32 }).subarray(0, 4)),
    chainName: text(network["chain_name"], "network.chain_name"),
    protocol: text(genesis["protocol"], "network.genesis.protocol"),
    timestamp: text(genesis["timestamp"], "network.genesis.timestamp"),
    activator: text(values["genesis_pubkey"], "genesis_pubkey"),
  };
};

/** Throws where a node of Octez would not start with it either: a member is missing, or the directory is another. */
export const readNodeConfig = (path: string, dataDirectory: string): NodeConfig => {
  const config = object(JSON.parse(readFileSync(path, "utf8")), "the configuration");
  if (config["data-dir"] !== dataDirectory) throw new Error("--data-dir is not the configuration's");
  const [rpc, p2p] = [object(config["rpc"], "rpc"), object(config["p2p"], "p2p")];
  if (p2p["expected-proof-of-work"] !== 0) throw new Error("the identity has no proof of work");
  const [listen] = list(rpc["listen-addrs"], "rpc.listen-addrs");
  const entry = list(rpc["acl"], "rpc.acl").map((each) => object(each, "rpc.acl"));
  const own = entry.find((each) => each["address"] === listen);
  if (own === undefined) throw new Error("the address has no access list");
  return {
    genesis: toGenesis(object(config["network"], "network")),
    rpc: address(listen, "rpc.listen-addrs"),
    p2p: address(p2p["listen-addr"], "p2p.listen-addr"),
    peers: list(p2p["bootstrap-peers"], "p2p.bootstrap-peers").map((each) => text(each, "p2p.bootstrap-peers")),
    acl: { isOpen: Array.isArray(own["blacklist"]), whitelist: (own["whitelist"] as string[] | undefined) ?? [] },
  };
};

/** Throws where the identity that Octez would look for is not there, or not whole. */
export const checkIdentity = (dataDirectory: string): void => {
  const identity = object(JSON.parse(readFileSync(join(dataDirectory, "identity.json"), "utf8")), "the identity");
  for (const [name, form] of [
    ["peer_id", /^id[1-9A-HJ-NP-Za-km-z]{28}$/],
    ["public_key", /^[0-9a-f]{64}$/],
    ["secret_key", /^[0-9a-f]{64}$/],
    ["proof_of_work_stamp", /^[0-9a-f]{48}$/],
  ] as const)
    if (!form.test(text(identity[name], name))) throw new Error(`the identity's ${name} is not well formed`);
};

const toPattern = (rule: string): RegExp => {
  const escaped = rule.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("/**", "(?:/.*)?").replaceAll(/(?<!\.)\*/g, "[^/]+")}$`);
};

/** Whether an access list lets a call through; rules are `VERB /path`, `*` for one part, `/**` for all that follow. */
export const createAccess = ({ acl }: Pick<NodeConfig, "acl">): ((method: string, path: string) => boolean) => {
  const patterns = acl.whitelist.map(toPattern);
  return (method, path) => acl.isOpen || patterns.some((pattern) => pattern.test(`${method} ${path}`));
};

/** A file's name for what a chain's nodes have to agree on. */
export const chainFile = ({ genesis }: NodeConfig): string =>
  `chain-${createHash("sha256").update(genesis.block).digest("hex").slice(0, 12)}.json`;
