import type { RestProtocol, RestRoute } from "@portolan/frameworks";

/** `/{chain}/…` with at least two segments after the chain; JSON-RPC has at most one. */
export interface RestPath {
  chainId: string;
  segments: readonly string[];
  query: { readonly [name: string]: string };
}

const maxUrlLength = 2_048;
const maxSegments = 12;

const decode = (text: string): string | null => {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
};

/** `null`: not a path of REST. */
export const readRestPath = (url: string): RestPath | null => {
  if (url.length > maxUrlLength || !url.startsWith("/")) return null;
  const at = url.indexOf("?");
  const path = at === -1 ? url : url.slice(0, at);
  const [chainId = "", ...segments] = path.slice(1).split("/").map(decode);
  if (chainId === null || segments.length < 2 || segments.length > maxSegments) return null;
  if (segments.some((segment) => segment === null || segment === "" || segment.includes("/"))) return null;
  const query: { [name: string]: string } = Object.create(null) as { [name: string]: string };
  if (at !== -1) for (const [name, value] of new URLSearchParams(url.slice(at + 1))) query[name] ??= value;
  return { chainId, segments: segments as string[], query };
};

type Found = { route: RestRoute; params: { readonly [name: string]: string } };

const paramOf = (segment: string): string | null => /^\{(\w+)\}$/.exec(segment)?.[1] ?? null;

const compiled = new WeakMap<RestProtocol, readonly { route: RestRoute; segments: readonly string[] }[]>();

const compile = (protocol: RestProtocol) => {
  const known = compiled.get(protocol);
  if (known !== undefined) return known;
  const made = protocol.routes.map((route) => ({ route, segments: route.path.slice(1).split("/") }));
  compiled.set(protocol, made);
  return made;
};

/** The route of a path; `"method"`: it is there, for another method. */
export const findRestRoute = (
  protocol: RestProtocol,
  method: string,
  segments: readonly string[],
): Found | "method" | null => {
  let isOther = false;
  for (const { route, segments: wanted } of compile(protocol)) {
    if (wanted.length !== segments.length) continue;
    const isSame = wanted.every((segment, index) => paramOf(segment) !== null || segment === segments[index]);
    if (!isSame) continue;
    if (route.method !== method) {
      isOther = true;
      continue;
    }
    const params = wanted.flatMap((segment, index) => {
      const name = paramOf(segment);
      return name === null ? [] : [[name, segments[index] ?? ""] as const];
    });
    return { route, params: Object.fromEntries(params) };
  }
  return isOther ? "method" : null;
};
