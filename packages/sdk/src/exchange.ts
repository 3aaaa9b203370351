import type { Route } from "@portolan/contract";
import { UnreachableError } from "./portolan-error.ts";
import { toPortolanError } from "./problem-of.ts";

/** The part of `fetch` that is used; a test passes the server's own. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface RawInput {
  params?: unknown;
  query?: unknown;
  body?: unknown;
  idempotencyKey?: string | undefined;
  ifMatch?: string | undefined;
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
}

export interface RawAnswer {
  status: number;
  body: unknown;
  headers: Headers;
}

const defaultTimeoutMs = 30_000;

const members = (value: unknown): [string, unknown][] =>
  typeof value === "object" && value !== null ? Object.entries(value) : [];

/** The full URL of a call. Throws when a path parameter is missing. */
export const toUrl = (
  baseUrl: string,
  route: Pick<Route, "path">,
  input: Pick<RawInput, "params" | "query">,
): string => {
  const params = new Map(members(input.params));
  const path = route.path.replace(/\{(\w+)\}/g, (_match, name: string) => {
    const value = params.get(name);
    if (typeof value !== "string" || value === "") throw new TypeError(`the path parameter "${name}" is missing`);
    return encodeURIComponent(value);
  });
  const url = new URL(baseUrl.replace(/\/+$/, "") + path);
  for (const [name, value] of members(input.query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url.href;
};

/**
 * One attempt of one call.
 * @throws PortolanError for an answer that is no success, UnreachableError without an answer, and the caller's own
 * abort reason when its signal was aborted.
 */
export const exchange = async (
  deps: { fetch: Fetch; baseUrl: string; now: () => number },
  route: Route,
  input: RawInput,
  token: string | undefined,
): Promise<RawAnswer> => {
  const timeout = AbortSignal.timeout(input.timeoutMs ?? defaultTimeoutMs);
  const headers: Record<string, string> = { accept: "application/json" };
  if (token !== undefined && route.permission !== "public") headers["authorization"] = `Bearer ${token}`;
  if (route.body !== undefined) headers["content-type"] = "application/json";
  if (input.idempotencyKey !== undefined) headers["idempotency-key"] = input.idempotencyKey;
  if (input.ifMatch !== undefined) headers["if-match"] = input.ifMatch;
  const url = toUrl(deps.baseUrl, route, input);
  try {
    const response = await deps.fetch(url, {
      method: route.method,
      headers,
      ...(route.body === undefined ? {} : { body: JSON.stringify(input.body ?? {}) }),
      signal: input.signal === undefined ? timeout : AbortSignal.any([timeout, input.signal]),
      // A redirect would carry the credential elsewhere.
      redirect: "error",
    });
    const text = await response.text();
    if (!response.ok) throw toPortolanError(response.status, text, response.headers, deps.now());
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text), headers: response.headers };
  } catch (error) {
    if (error instanceof Error && error.name === "PortolanError") throw error;
    if (input.signal?.aborted) throw input.signal.reason;
    throw new UnreachableError(deps.baseUrl, error);
  }
};
