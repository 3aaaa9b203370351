import { createAuthenticator, createPasswordHasher, createSessionTokens } from "@portolan/access";
import {
  type AnswerOf,
  api,
  type OperationId,
  type Problem,
  problem,
  type Route,
  toPartRoutes,
} from "@portolan/contract";
import { createCustody, createStaticKeks } from "@portolan/custody";
import { type Clock, createIdSource, systemClock } from "@portolan/domain";
import {
  createRegistry,
  type Framework,
  findFramework,
  type OperatorConfig,
  type StandbyEntry,
  toStandbyTarget,
} from "@portolan/frameworks";
import { createHealth, createMetrics, silentLogger } from "@portolan/kit";
import { createClients, createListener, inTransaction, localRegion, operationRepository, seed } from "@portolan/store";
import { testDatabase, topicKind } from "@portolan/testing";
import type { LightMyRequestResponse } from "fastify";
import { afterAll, expect } from "vitest";
import { createCredentialLookups } from "../src/credential-lookups.ts";
import {
  type ApiDeps,
  buildApp,
  createUpdateHub,
  type Limits,
  logChannel,
  noLimits,
  operationChannel,
} from "../src/index.ts";

export const password = "a long enough pass phrase";

export interface RequestInput {
  params?: { [name: string]: string };
  query?: { [name: string]: string };
  body?: unknown;
  token?: string | undefined;
  headers?: { [name: string]: string };
}

export interface TenantSession {
  tenantId: string;
  userId: string;
  email: string;
  token: string;
  refreshToken: string;
}

/** The operation of the contract whose answer has the same form. */
type ChannelTwin<K extends string> = K extends `topics.${infer Verb extends "list" | "get"}`
  ? `channels.${Verb}`
  : "channels.create";

export interface ApiHarness {
  app: Awaited<ReturnType<typeof buildApp>>;
  deps: ApiDeps;
  databaseUrls: Awaited<ReturnType<typeof testDatabase>>["urls"];
  superuserUrl: string;
  wakes: string[];
  /** Whatever comes back, after its form was checked against the contract. */
  send(operationId: AnyOperationId, input?: RequestInput): Promise<LightMyRequestResponse>;
  /** The answer of a success; fails on anything else. */
  call<K extends AnyOperationId>(
    operationId: K,
    input?: RequestInput,
  ): Promise<K extends OperationId ? AnswerOf<K> : AnswerOf<ChannelTwin<K>>>;
  /** The problem document of a failure with this code. */
  fail(operationId: AnyOperationId, code: Problem["code"], input?: RequestInput): Promise<Problem>;
  signUp(input?: { portal?: string; country?: string; email?: string }): Promise<TenantSession>;
}

/** Topics are parts of the fake framework, whose routes are made by the same function as those of the contract. */
const topicRoutes = toPartRoutes(topicKind);

export type AnyOperationId = OperationId | `topics.${"create" | "list" | "get" | "update" | "delete"}`;

const routeOf = (operationId: AnyOperationId): Route => {
  const route = (api as { readonly [id: string]: Route })[operationId] ?? topicRoutes[operationId];
  if (route === undefined) throw new Error(`no operation ${operationId}`);
  return route;
};

/** Parses an answer by the contract, and demands that nothing stood in it that the contract does not name. */
export const demandContractForm = (
  operationId: AnyOperationId,
  response: Pick<LightMyRequestResponse, "statusCode" | "body" | "headers">,
): void => {
  const route = routeOf(operationId);
  const isSuccess = response.statusCode === route.successStatus;
  if (isSuccess && (response.statusCode === 204 || route.isStream === true)) return;
  const data: unknown = JSON.parse(response.body);
  const schema = isSuccess ? route.responses[route.successStatus] : problem;
  const result = schema?.safeParse(data);
  expect(result?.error?.issues ?? [], `${operationId} ${response.statusCode} ${response.body.slice(0, 500)}`).toEqual(
    [],
  );
  expect(result?.data).toEqual(data);
  if (!isSuccess) expect(response.headers["content-type"]).toContain("application/problem+json");
};

const fill = (path: string, params: { [name: string]: string }): string =>
  path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(params[name] ?? name));

let counter = 0;
const nextEmail = (): string => {
  counter += 1;
  return `user${counter}@example.org`;
};

/** The API on a database of its own, with cheap hashing and no limits unless given. */
export const startApi = async (
  options: {
    limits?: Partial<Limits>;
    clock?: Clock;
    logWaitMs?: number;
    standby?: readonly StandbyEntry[];
    frameworks?: readonly Framework[];
    operator?: OperatorConfig;
    /** Another plane's key-encryption key. */
    kek?: Uint8Array;
  } = {},
): Promise<ApiHarness> => {
  const database = await testDatabase();
  const { clock = systemClock, limits = {} } = options;
  const clients = createClients({ appUrl: database.urls.app, systemUrl: database.urls.system });
  const random = { bytes: (size: number) => crypto.getRandomValues(new Uint8Array(size)) };
  const ids = createIdSource({ clock, random });
  const region = localRegion("http://127.0.0.1:4200");
  await seed({ client: clients.system, ids, clock, regions: [region], signupMode: "open" });
  const tokens = createSessionTokens({ signingKey: new Uint8Array(32).fill(1), clock });
  const updates = createUpdateHub({
    loadOperations: (wanted) =>
      inTransaction(clients.system, (transaction) => operationRepository.byIds(transaction, wanted)),
    onError: () => undefined,
  });
  const listener = createListener({ url: database.urls.system, onNotify: updates.notify, onReconnect: updates.resync });
  await Promise.all([listener.listen(operationChannel), listener.listen(logChannel)]);
  const wakes: string[] = [];
  const health = createHealth();
  health.setReady(true);
  const stopping = new AbortController();
  const deps: ApiDeps = {
    clients,
    clock,
    ids,
    random,
    frameworks: createRegistry(options.frameworks),
    operator: options.operator ?? { forks: [] },
    standby: (options.standby ?? []).flatMap((entry) => toStandbyTarget(entry, findFramework) ?? []),
    jobs: {
      wake: async (name, payload) => {
        wakes.push(`${name} ${JSON.stringify(payload)}`);
        return true;
      },
    },
    tokens,
    passwords: createPasswordHasher({ cost: { logN: 4, r: 8, p: 1 } }),
    authenticator: createAuthenticator({
      tokens,
      clock,
      cacheMs: 200,
      lookups: createCredentialLookups({ clients, clock }),
    }),
    custody: createCustody({ kek: createStaticKeks([{ id: "test", key: options.kek ?? new Uint8Array(32).fill(3) }]) }),
    passphraseCost: { logN: 4, r: 8, p: 1 },
    updates,
    health,
    metrics: createMetrics(),
    log: silentLogger,
    limits: { ...noLimits, ...limits },
    requestHashKey: new Uint8Array(32).fill(2),
    signal: stopping.signal,
    logWaitMs: options.logWaitMs ?? 300,
  };
  const app = await buildApp(deps);
  await app.ready();
  afterAll(async () => {
    stopping.abort();
    await app.close();
    updates.close();
    await listener.close();
    await clients.close();
  });

  const send: ApiHarness["send"] = async (operationId, { params = {}, query = {}, body, token, headers = {} } = {}) => {
    const route = routeOf(operationId);
    const response = await app.inject({
      method: route.method,
      url: fill(route.path, params),
      query,
      headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
      ...(body === undefined ? {} : { payload: body as object }),
    });
    demandContractForm(operationId, response);
    return response;
  };
  const call: ApiHarness["call"] = async (operationId, input) => {
    const response = await send(operationId, input);
    expect(response.statusCode, response.body).toBe(routeOf(operationId).successStatus);
    return (response.statusCode === 204 ? undefined : response.json()) as never;
  };
  return {
    app,
    deps,
    databaseUrls: database.urls,
    superuserUrl: database.superuserUrl,
    wakes,
    send,
    call,
    fail: async (operationId, code, input) => {
      const response = await send(operationId, input);
      const document = response.json<Problem>();
      expect(document.code, response.body).toBe(code);
      expect(document.status).toBe(response.statusCode);
      return document;
    },
    signUp: async ({ portal = "global", country = "FR", email = nextEmail() } = {}) => {
      const body = { portal, email, password, country, tenant: { name: "Acme" } };
      const made = await call("signup.create", { body });
      const { token = "", refreshToken = "" } = made;
      return { tenantId: made.tenant.id, userId: made.user.id, email, token, refreshToken };
    },
  };
};

/** A backup of a chain as it is when a worker has taken it. */
export const makeBackup = async (api: ApiHarness, tenantId: string, chainId: string): Promise<string> => {
  const { clients, ids } = api.deps;
  const id = ids.next("backup");
  const placements = await clients.system.placement.findMany({ where: { chainId } });
  await clients.system.backup.create({
    data: {
      ...{ id, tenantId, chainId, operationId: ids.next("operation"), state: "ready" },
      ...{ framework: "anvil", version: "1.7.1", nodes: ["node-0"], sizeBytes: 4096n, endedAt: new Date() },
      copies: placements.map((placement) => ({
        ...{ placementId: placement.id, region: placement.region, sizeBytes: 4096, files: 2, digest: "00".repeat(32) },
      })),
    },
  });
  return id;
};

/** An app with one chain in it, as a signed-in tenant makes them. */
export const makeChain = async (api: ApiHarness, token: string, input: { plan?: string; name?: string } = {}) => {
  const { id: appId } = await api.call("apps.create", { token, body: { name: "shop" } });
  const { plan = "dev", name = "ledger" } = input;
  const operation = await api.call("chains.create", {
    token,
    body: { appId, name, framework: "anvil", plan, regions: ["local"] },
  });
  return { appId, chainId: operation.target.id, operation };
};
