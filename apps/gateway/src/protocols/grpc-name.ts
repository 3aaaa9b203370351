/** What a server name (SNI, RFC 6066 §3) asks for. */
export interface GrpcName {
  chainId: string;
  /** `org1` of `org1.<chain>.<domain>`. */
  label: string | undefined;
}

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** `<chain>.<domain>` or `<label>.<chain>.<domain>`; ids are written with `-` for `_`. `null`: none of ours. */
export const parseGrpcName = (serverName: string, domain: string): GrpcName | null => {
  const name = serverName.toLowerCase();
  if (!name.endsWith(`.${domain}`)) return null;
  const labels = name.slice(0, -domain.length - 1).split(".");
  const chain = labels.pop();
  const first = labels.pop();
  if (chain === undefined || labels.length > 0 || !label.test(chain)) return null;
  if (first !== undefined && !label.test(first)) return null;
  return { chainId: chain.replaceAll("-", "_"), label: first };
};

export const renderGrpcName = (chainId: string, domain: string): string => `${chainId.replaceAll("_", "-")}.${domain}`;
