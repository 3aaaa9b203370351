import { setTimeout as sleep } from "node:timers/promises";
import {
  type AnswerOf,
  api,
  type OperationId,
  type OperationResource,
  operations,
  type Route,
} from "@portolan/contract";
import type { Answer, CallArguments, CallableId, Grouped } from "./call.ts";
import { exchange, type Fetch, type RawAnswer, type RawInput } from "./exchange.ts";
import { PortolanError } from "./portolan-error.ts";
import { defaultRetry, isRepeatable, pauseBefore, type RetryPolicy } from "./retry.ts";
import { type WaitOptions, waitForOperation } from "./wait-for-operation.ts";

export interface SessionPair {
  token: string;
  refreshToken: string;
  /** RFC 3339. */
  expiresAt: string;
}

export interface PortolanSettings {
  /** Of the API, e.g. `http://127.0.0.1:4100`. */
  baseUrl: string;
  /** A session's access token or a service account's secret. */
  token?: string;
  /** With it an access token that has expired is exchanged once. */
  refreshToken?: string;
  /** Hears of each new pair, to keep it. */
  onSession?: (pair: SessionPair) => void | Promise<void>;
  fetch?: Fetch;
  retry?: Partial<RetryPolicy>;
  /** Parse each answer by its schema and throw when it differs: for tests. */
  validate?: boolean;
  now?: () => number;
  sleep?: (ms: number) => Promise<unknown>;
  random?: () => number;
}

export interface PortolanClient extends Grouped {
  readonly baseUrl: string;
  /** Calls an operation by its id and gives its answer. @throws PortolanError, UnreachableError. */
  call<K extends CallableId>(operationId: K, ...args: CallArguments<K>): Promise<AnswerOf<K>>;
  /** The same with status, ETag and request id. */
  send<K extends CallableId>(operationId: K, ...args: CallArguments<K>): Promise<Answer<K>>;
  waitForOperation(id: string, options?: WaitOptions): Promise<OperationResource>;
  /** Later calls go with this credential; without an argument, with none. */
  setCredential(credential?: { token: string; refreshToken?: string }): void;
}

/** A client of one plane. Opens nothing by itself. */
export const createPortolan = (settings: PortolanSettings): PortolanClient => {
  const now = settings.now ?? Date.now;
  const policy = { ...defaultRetry, ...settings.retry };
  const deps = { fetch: settings.fetch ?? fetch, baseUrl: settings.baseUrl, now };
  let token = settings.token;
  let refreshToken = settings.refreshToken;
  let refreshing: Promise<boolean> | undefined;

  const attempt = async (route: Route, input: RawInput): Promise<RawAnswer> => {
    for (let count = 1; ; count += 1) {
      try {
        return await exchange(deps, route, input, token);
      } catch (error) {
        const isWanted = isRepeatable(route, input.idempotencyKey) && !input.signal?.aborted;
        const pause = isWanted ? pauseBefore(error, count, policy, settings.random ?? Math.random) : undefined;
        if (pause === undefined) throw error;
        await (settings.sleep ?? sleep)(pause);
      }
    }
  };

  const refresh = async (used: string): Promise<boolean> => {
    const route = api["sessions.refresh"];
    const answer = await exchange(deps, route, { body: { refreshToken: used } }, undefined);
    const pair = route.responses[201].parse(answer.body);
    if (pair.token === undefined || pair.refreshToken === undefined) return false;
    token = pair.token;
    refreshToken = pair.refreshToken;
    await settings.onSession?.({ token, refreshToken, expiresAt: pair.expiresAt });
    return true;
  };

  const sendRaw = async (route: Route, input: RawInput): Promise<RawAnswer> => {
    const usedToken = token;
    try {
      return await attempt(route, input);
    } catch (error) {
      const hasExpired = error instanceof PortolanError && error.status === 401 && route.permission !== "public";
      if (!hasExpired || refreshToken === undefined) throw error;
      // Calls that expired together share one exchange: a refresh token works once.
      if (token === usedToken) {
        refreshing ??= refresh(refreshToken).finally(() => {
          refreshing = undefined;
        });
        if (!(await refreshing.catch(() => false))) throw error;
      }
      return attempt(route, input);
    }
  };

  const send = async (operationId: OperationId, input: RawInput = {}): Promise<Answer<never>> => {
    const route: Route = api[operationId];
    const answer = await sendRaw(route, input);
    const schema = route.responses[route.successStatus];
    const body = settings.validate === true && schema !== undefined ? schema.parse(answer.body) : answer.body;
    return {
      status: answer.status,
      // The contract is what both sides are built from; `validate` checks it in tests.
      body: body as never,
      etag: answer.headers.get("etag") ?? undefined,
      requestId: answer.headers.get("x-request-id") ?? undefined,
      isReplay: answer.headers.get("idempotency-replayed") === "true",
    };
  };
  const call = async (operationId: OperationId, input?: RawInput) => (await send(operationId, input)).body;

  const own = {
    baseUrl: settings.baseUrl,
    call,
    send,
    waitForOperation: (id: string, options?: WaitOptions) =>
      waitForOperation({ now, get: (input) => call("operations.get", input) }, id, options),
    setCredential: (credential?: { token: string; refreshToken?: string }) => {
      token = credential?.token;
      refreshToken = credential?.refreshToken;
    },
  };
  return Object.assign(groupsOf(call), own) as unknown as PortolanClient;
};

const groupsOf = (call: (operationId: OperationId, input?: RawInput) => Promise<unknown>) => {
  const groups: Record<string, Record<string, (input?: RawInput) => Promise<unknown>>> = {};
  for (const [operationId, route] of operations) {
    const [group = "", verb = ""] = operationId.split(".");
    if (route.isStream === true) continue;
    groups[group] ??= {};
    groups[group][verb] = (input) => call(operationId, input);
  }
  return groups;
};
