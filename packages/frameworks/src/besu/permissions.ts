import type { BesuSettings } from "./settings.ts";

const toList = (name: string, entries: readonly string[]): string =>
  `${name}=[${entries.map((entry) => JSON.stringify(entry)).join(",")}]\n`;

/** What of Besu's permissions file is in force: its flags turn each list on by itself. */
export const permissionsOf = ({ permissions }: Pick<BesuSettings, "permissions">) => ({
  accounts: permissions?.accounts !== undefined,
  nodes: permissions?.nodes === true,
});

/**
 * `permissions_config.toml`. Undefined where nothing is restricted. The list of nodes has the node itself too, since Besu
 * looks for both ends of a connection in it.
 */
export const renderPermissions = (settings: BesuSettings, enodes: readonly string[]): string | undefined => {
  const { accounts, nodes } = permissionsOf(settings);
  if (!accounts && !nodes) return undefined;
  const addresses = settings.permissions?.accounts?.map((address) => address.toLowerCase()).sort() ?? [];
  return `${accounts ? toList("accounts-allowlist", addresses) : ""}${nodes ? toList("nodes-allowlist", enodes) : ""}`;
};
