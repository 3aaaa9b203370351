import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { DomainError } from "@portolan/domain";
import { isPublicAddress, isPublicName } from "./address-rules.ts";

/** Every address of a name. Asked once for each connection; what it answers is checked and dialled, nothing else. */
export type Resolve = (name: string) => Promise<readonly string[]>;

export const forbidden = (
  why: string,
  hint = "Use an http or https address on the public internet, without a user name.",
): DomainError =>
  new DomainError({
    code: "address.forbidden",
    message: "This address can't be used.",
    // Neither the name nor what it resolves to: an answer must not tell what stands inside.
    detail: why,
    hint,
  });

export const unavailable = (why: string): DomainError =>
  new DomainError({
    code: "unavailable",
    message: "The other side did not answer as expected.",
    detail: why,
    retryable: true,
  });

export const resolveAll: Resolve = async (name) =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address);

/** The host as it is dialled: without the brackets of IPv6 and the dot of the root. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");

/** The form alone: no DNS yet. `URL` has turned 0x7f.1, 017700000001, full-width digits and the like into plain IPv4. */
export const checkUrl = (text: string, allowPrivate: boolean): URL => {
  if (!URL.canParse(text) || text.length > 2_048) throw forbidden("not a URL");
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") throw forbidden("scheme");
  if (!allowPrivate && (url.username !== "" || url.password !== "" || /^[^/]*\/\/[^/?#]*@/.test(text)))
    throw forbidden("user name");
  if (url.port === "0") throw forbidden("port");
  const host = hostOf(url);
  if (allowPrivate) return url;
  if (isIP(host) === 0 ? !isPublicName(host) : !isPublicAddress(host)) throw forbidden("host");
  return url;
};

const endpointForm = /^(?:\[[0-9A-Fa-f:.]+\]|[^\s:/@\\?#%[\]]+):[0-9]{1,5}$/;
const endpointHint = "Use host:port of a name or an address on the public internet.";

/** `host:port` by the same rules as a URL's. Throws `address.forbidden`. */
export const checkEndpoint = (text: string, allowPrivate: boolean): { host: string; port: number } => {
  if (!endpointForm.test(text)) throw forbidden("not host:port", endpointHint);
  try {
    const url = checkUrl(`http://${text}/`, allowPrivate);
    // A URL leaves out the port that is its scheme's own.
    return { host: hostOf(url), port: url.port === "" ? 80 : Number(url.port) };
  } catch (error) {
    throw error instanceof DomainError ? forbidden(error.detail ?? "", endpointHint) : error;
  }
};

/** True when a tenant's `host:port` may be dialled as far as its form says; a name's addresses are checked when it is. */
export const isPublicEndpoint = (text: string): boolean => {
  try {
    checkEndpoint(text, false);
    return true;
  } catch {
    return false;
  }
};

/** All addresses must be fit, not the first: a name that also points inside was made to. */
export const pickAddress = async (host: string, resolve: Resolve, allowPrivate: boolean): Promise<string> => {
  const addresses = isIP(host) === 0 ? await resolve(host) : [host];
  const [first] = addresses;
  if (first === undefined) throw unavailable("no address");
  if (!allowPrivate && !addresses.every((address) => isPublicAddress(address))) throw forbidden("resolved address");
  return first;
};
