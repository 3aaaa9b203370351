/** Besu's options that the stand-in does something with; a Besu option takes its value after `=` or as the next word. */
const used = [
  "data-path",
  "genesis-file",
  "host-allowlist",
  "node-private-key-file",
  "p2p-interface",
  "p2p-port",
  "rpc-http-api",
  "rpc-http-apis",
  "rpc-http-host",
  "rpc-http-max-batch-size",
  "rpc-http-port",
  "static-nodes-file",
] as const;

/** Besu's options that hold for the node in its place by themselves, or have no meaning for it. */
const ignored = [
  "data-storage-format",
  "identity",
  "logging",
  "max-peers",
  "metrics-host",
  "metrics-port",
  "min-gas-price",
  "nat-method",
  "p2p-host",
  "profile",
  "remote-connections-limit-enabled",
  "rpc-gas-cap",
  "rpc-http-cors-origins",
  "rpc-http-max-active-connections",
  "rpc-http-max-request-content-length",
  "rpc-max-active-filters",
  "rpc-max-log-filter-addresses",
  "rpc-max-logs-range",
  "rpc-max-trace-filter-range",
  "rpc-tx-feecap",
  "sync-min-peers",
  "sync-mode",
  "target-gas-limit",
  "tx-pool",
  "tx-pool-limit-by-account-percentage",
  "tx-pool-max-size",
] as const;

/** Those that are on where nothing follows. */
const switches = [
  "Xdns-enabled",
  "Xdns-update-enabled",
  "color-enabled",
  "discovery-enabled",
  "metrics-enabled",
  "rpc-http-enabled",
  "rpc-ws-enabled",
  "tx-pool-no-local-priority",
  "version-compatibility-protection",
] as const;

type Used = (typeof used)[number];
type Switch = (typeof switches)[number];

export interface BesuFlags {
  get(name: Used): string | undefined;
  isOn(name: Switch): boolean;
}

const includes = (list: readonly string[], name: string): boolean => list.includes(name);

/** Reads a command line as Besu does. Throws a sentence on an option that Besu has not, or that nothing stands in for. */
export const readFlags = (words: readonly string[]): BesuFlags => {
  const values = new Map<string, string>();
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [, name = "", inline] = /^--([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(word) ?? [];
    const isSwitch = includes(switches, name);
    if (!isSwitch && !includes(used, name) && !includes(ignored, name))
      throw new Error(`Unknown option to the stand-in for Besu: ${word}`);
    const isValue = rest[0] !== undefined && (isSwitch ? /^(true|false)$/.test(rest[0]) : true);
    const value = inline ?? (isValue ? rest.shift() : undefined) ?? (isSwitch ? "true" : undefined);
    if (value === undefined) throw new Error(`Missing required parameter for option --${name}`);
    if (values.has(name)) throw new Error(`option --${name} should be specified only once`);
    values.set(name, value);
  }
  return { get: (name) => values.get(name), isOn: (name) => values.get(name) === "true" };
};
