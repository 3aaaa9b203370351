import type { HttpProtocol, HttpQuery, HttpRoute, HttpValue } from "./http-policy.ts";

/** Of a path with its query, after the chain. */
const maxTargetLength = 2_048;
const maxSegments = 16;
const maxParameters = 32;
/** RFC 3986 §2.3 and the few sub-delimiters that ids have; no `%`, so that nothing is hidden behind an encoding. */
const segmentPattern = /^[A-Za-z0-9._~+=,:@!$-]+$/;

export type HttpMatch =
  /** `target`: what a node is asked for, made of the parts that matched. */
  | { kind: "route"; route: HttpRoute; target: string; query: HttpQuery }
  /** The path or query can't be read, or a part of it has not the form that its place asks for. */
  | { kind: "malformed"; message: string; hint: string }
  /** It is there, and not for callers. */
  | { kind: "refused"; reason: string }
  /** The path is there for other verbs. */
  | { kind: "verb"; verbs: readonly string[] };

interface CompiledRoute {
  route: HttpRoute;
  segments: readonly (string | { name: string; value: HttpValue })[];
}

const compiled = new WeakMap<HttpProtocol, ReadonlyMap<number, readonly CompiledRoute[]>>();

/** Routes by their number of segments. Throws on a route that names a value that is not there. */
const compile = (protocol: HttpProtocol): ReadonlyMap<number, readonly CompiledRoute[]> => {
  const known = compiled.get(protocol);
  if (known !== undefined) return known;
  const bySize = new Map<number, CompiledRoute[]>();
  for (const route of protocol.routes) {
    const segments = route.path
      .slice(1)
      .split("/")
      .map((text) => {
        const name = /^\{(\w+)\}$/.exec(text)?.[1];
        if (name === undefined) return text;
        const value = protocol.values[name];
        if (value === undefined) throw new Error(`${route.path} names an unknown value`);
        return { name, value };
      });
    bySize.set(segments.length, [...(bySize.get(segments.length) ?? []), { route, segments }]);
  }
  compiled.set(protocol, bySize);
  return bySize;
};

/** What a node hears instead of `text`; `null`: it may not stand there. */
const readValue = (value: HttpValue, text: string, facts: { readonly [name: string]: string }): string | null => {
  if (value.kind === "text") return value.pattern.test(text) ? text : null;
  const isNamed = value.names.includes(text) || (value.fact !== undefined && text !== "" && facts[value.fact] === text);
  return isNamed ? value.canonical : null;
};

const malformed = (message: string, hint: string): HttpMatch => ({ kind: "malformed", message, hint });
const pathHint =
  "Write the path as the node's reference has it: no encoding, no empty or relative parts, no final slash.";

const readSegments = (path: string): readonly string[] | null => {
  const segments = path.slice(1).split("/");
  if (!path.startsWith("/") || segments.length > maxSegments) return null;
  const isPlain = segments.every((text) => segmentPattern.test(text) && text !== "." && text !== "..");
  return isPlain ? segments : null;
};

interface Found {
  route: HttpRoute;
  path: string;
}

/** The routes of a path, whatever their verb; and what did not fit where the rest of a path was known. */
const findRoutes = (
  candidates: readonly CompiledRoute[],
  segments: readonly string[],
  facts: { readonly [name: string]: string },
): { found: readonly Found[]; misfit: string | null } => {
  const found: Found[] = [];
  let misfit: string | null = null;
  for (const { route, segments: wanted } of candidates) {
    const isShaped = wanted.every((part, index) => typeof part !== "string" || part === segments[index]);
    if (!isShaped) continue;
    const parts = wanted.map((part, index) => {
      const text = segments[index] ?? "";
      return typeof part === "string" ? part : readValue(part.value, text, facts);
    });
    const wrong = parts.indexOf(null);
    if (wrong === -1) found.push({ route, path: `/${parts.join("/")}` });
    else {
      const part = wanted[wrong];
      if (typeof part === "object") misfit ??= part.name;
    }
  }
  return { found, misfit };
};

const decode = (text: string): string | null => {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
};

/** The query as a node gets it, with what it means; or the name of what is wrong with it. */
const readQuery = (
  route: HttpRoute,
  text: string,
  facts: { readonly [name: string]: string },
): { text: string; query: HttpQuery } | { wrong: string } => {
  const rules = route.query ?? {};
  const pairs = text === "" ? [] : text.split("&");
  if (pairs.length > maxParameters) return { wrong: "too many parameters" };
  const query: { [name: string]: string[] } = {};
  const kept: string[] = [];
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    const name = decode(at === -1 ? pair : pair.slice(0, at));
    const raw = at === -1 ? "" : decode(pair.slice(at + 1));
    const rule = name !== null && Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (name === null || raw === null || rule === undefined) return { wrong: "a parameter that is not offered here" };
    const value = readValue(rule.value, raw, facts);
    const values = query[name] ?? [];
    query[name] = values;
    if (value === null || values.length >= (rule.maxTimes ?? 1)) return { wrong: `the parameter ${name}` };
    values.push(value);
    kept.push(value === "" ? name : `${name}=${encodeURIComponent(value)}`);
  }
  return { text: kept.join("&"), query };
};

/**
 * Finds the route of a request, or why there is none. What a node is asked for is made anew from the parts that
 * matched, so nothing of the caller's text that was not looked at reaches it. `target`: path and query after the chain.
 */
export const matchHttp = (
  protocol: HttpProtocol,
  verb: string,
  target: string,
  facts: { readonly [name: string]: string },
): HttpMatch => {
  if (target.length > maxTargetLength) return malformed("The path is too long.", "Ask for less at once.");
  const at = target.indexOf("?");
  const path = at === -1 ? target : target.slice(0, at);
  const segments = readSegments(path);
  if (segments === null) return malformed("The path can't be read.", pathHint);
  const { found, misfit } = findRoutes(compile(protocol).get(segments.length) ?? [], segments, facts);
  const match = found.find(({ route }) => route.verb === verb);
  if (match === undefined) {
    const refused = protocol.refused.find(({ verbs, path: of }) => (verbs?.includes(verb) ?? true) && of.test(path));
    if (refused !== undefined) return { kind: "refused", reason: refused.reason };
    if (found.length > 0) return { kind: "verb", verbs: found.map(({ route }) => route.verb) };
    if (misfit !== null) return malformed(`The path's ${misfit} has not the right form.`, pathHint);
    return { kind: "refused", reason: "the path is not known" };
  }
  const read = readQuery(match.route, at === -1 ? "" : target.slice(at + 1), facts);
  if ("wrong" in read) {
    const names = Object.keys(match.route.query ?? {});
    const hint = names.length === 0 ? "It takes no parameters." : `It takes ${names.join(", ")}.`;
    return malformed(`The query can't be used: ${read.wrong}.`, hint);
  }
  const { route, path: canonical } = match;
  return {
    kind: "route",
    route,
    target: read.text === "" ? canonical : `${canonical}?${read.text}`,
    query: read.query,
  };
};
