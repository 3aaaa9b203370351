import { credentialPrefixes } from "@portolan/domain";

/** `/{chain}/…` or `/{chain}/{key}/…`, as far as it is the gateway's own. */
export interface HttpPath {
  chainId: string;
  secret: string | undefined;
  /** What is the node's: path and query, not looked at yet. */
  target: string;
}

const maxUrlLength = 4_096;
const ownPattern = new RegExp(`^/([\\w-]{1,64})(?:/(${credentialPrefixes.key}_[^/?]{0,128}))?(?=[/?]|$)`);

/** `null`: not a path of a chain. A segment is a key when it begins like one. */
export const readHttpPath = (url: string): HttpPath | null => {
  if (url.length > maxUrlLength) return null;
  const found = ownPattern.exec(url);
  if (found === null) return null;
  return { chainId: found[1] ?? "", secret: found[2], target: url.slice(found[0].length) };
};
