import { type OperationId, operations, type Route } from "@portolan/contract";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryOfSchema, nastyText } from "./arbitrary-of-schema.ts";
import { demandContractForm, makeBackup, makeChain, startApi, type TenantSession } from "./harness.ts";
import { finish, makeNetwork, testNetwork } from "./network.ts";

/** Cases per operation; a nightly run sets more. */
const numRuns = Number(process.env["PORTOLAN_FUZZ_RUNS"] ?? 50);

const api = await startApi({ logWaitMs: 20, frameworks: [testNetwork] });
const document = (await api.app.inject("/openapi.json")).json();
const { components, paths } = document;

const { system } = api.deps.clients;
const million = 1_000_000;
const quotas = {
  apps: million,
  chains: million,
  chainsPerApp: million,
  nodes: million,
  keysPerApp: million,
  storageBytes: 2 ** 52,
};

const partBodies = {
  "channels.create": {},
  "chaincodes.create": { channel: "trade", source: { kind: "catalogue", name: "token" } },
  "identities.create": { organisation: "org1" },
};
const goodPart = (operationId: keyof typeof partBodies, nth: number) => ({
  name: `part${nth}`,
  settings: partBodies[operationId],
});

const makeThings = async (session: TenantSession) => {
  const { appId, chainId, operation } = await makeChain(api, session.token, { plan: "standard" });
  await system.operation.update({ where: { id: operation.id }, data: { state: "succeeded", endedAt: new Date() } });
  await system.chain.update({ where: { id: chainId }, data: { hasRun: true } });
  const key = await api.call("keys.create", {
    token: session.token,
    params: { app: appId },
    body: { name: "k", scopes: ["rpc"] },
  });
  const registry = "ghcr.io";
  await api.call("registries.set", {
    ...{ token: session.token, params: { app: appId, registry }, body: { username: "u", password: "p" } },
  });
  const account = await api.call("serviceAccounts.create", {
    token: session.token,
    body: { name: "ci", role: "viewer" },
  });
  const network = await makeNetwork(api, session.token);
  const part = async (id: "channels.create" | "chaincodes.create" | "identities.create") => {
    const body = goodPart(id, 0);
    const made = await api.call(id, { token: session.token, params: network.params, body });
    await finish(api, made.id);
    return made.target.id;
  };
  return {
    /** What has parts and documents. */
    network: network.chain,
    channel: await part("channels.create"),
    chaincode: await part("chaincodes.create"),
    identity: await part("identities.create"),
    document: "network.json",
    token: session.token,
    app: appId,
    chain: chainId,
    operation: operation.id,
    key: key.id,
    serviceAccount: account.id,
    backup: await makeBackup(api, session.tenantId, chainId),
    registry,
  };
};
type Things = Awaited<ReturnType<typeof makeThings>>;

const makeOwn = async (): Promise<Things> => {
  const session = await api.signUp();
  await system.tenant.update({ where: { id: session.tenantId }, data: { quotas } });
  return makeThings(session);
};
const foreign = await makeOwn();
const passphrase = "a long enough pass phrase";
/** Of a chain that is here already: the furthest that an import of it comes. */
const exported = await api.call("chains.export", {
  ...{ token: foreign.token, params: { chain: foreign.chain }, body: { backup: foreign.backup, passphrase } },
});

interface Parameter {
  name: string;
  in: string;
  schema: { [keyword: string]: unknown };
}

const present = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 });

const pathOf = (route: Route, own: Things): fc.Arbitrary<string> => {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
  // The chain of these is one that has them.
  const isOfNetwork = /^.v1.chains.\{chain\}.(channels|chaincodes|identities|documents)/.test(route.path);
  const values = names.map((name) => {
    const known = (name === "chain" && isOfNetwork ? "network" : name) as keyof Things;
    return fc.oneof(
      { arbitrary: fc.constant(own[known]), weight: 6 },
      { arbitrary: fc.constant(foreign[known]), weight: 1 },
      { arbitrary: nastyText, weight: 1 },
    );
  });
  return fc.tuple(...values).map((list) => {
    const encode = (text: string): string => (text.isWellFormed() ? encodeURIComponent(text) : "%ED%A0%80");
    return route.path.replaceAll(/\{(\w+)\}/g, (_all, name: string) => encode(list[names.indexOf(name)] ?? ""));
  });
};

/** A wait would only wait: nothing here ends an operation. */
const isAllowed = (name: string, value: unknown): boolean =>
  name !== "wait" || !(Number(value) > 0 && Number(value) <= 20);

const queryOf = (parameters: readonly Parameter[]): fc.Arbitrary<string> => {
  const members = Object.fromEntries(
    parameters
      .filter((parameter) => parameter.in === "query")
      .map(({ name, schema }) => [name, present(arbitraryOfSchema(schema, components, 8))]),
  );
  return fc
    .tuple(fc.record(members), present(fc.tuple(fc.string({ minLength: 1, maxLength: 8 }), nastyText)))
    .map(([known, extra]) => {
      const pairs = Object.entries(known).filter(([name, value]) => value !== undefined && isAllowed(name, value));
      const strings = pairs.map(([name, value]): [string, string] => [
        name,
        typeof value === "string" ? value : (JSON.stringify(value) ?? ""),
      ]);
      return new URLSearchParams(
        extra === undefined || Math.abs(extra[0].length) % 4 !== 0 ? strings : [...strings, extra],
      ).toString();
    });
};

/** Bodies that pass, for the operations that random ones hardly ever reach. */
const goodBody = (operationId: OperationId, own: Things, nth: number): object | null => {
  if (operationId === "signup.create") {
    return {
      portal: "global",
      email: `fuzz${nth}@example.org`,
      password: "a long enough pass phrase",
      country: "FR",
      tenant: { name: "A" },
    };
  }
  if (operationId === "registries.set") return { username: "u", password: "p" };
  if (operationId === "keys.create") return { name: "k", scopes: ["rpc"] };
  if (operationId in partBodies) return goodPart(operationId as keyof typeof partBodies, nth + 1);
  if (operationId === "chains.update" || operationId === "chains.quoteUpdate") return { name: "c" };
  if (operationId.endsWith("s.update") && operationId !== "apps.update") return { settings: {} };
  if (operationId === "chains.export") return { backup: own.backup, passphrase };
  if (operationId === "chains.import") return { export: exported, passphrase, app: own.app };
  if (operationId !== "chains.create" && operationId !== "chains.quote") return null;
  return {
    appId: own.app,
    name: "c",
    framework: "anvil",
    plan: "dev",
    regions: ["local"],
    hosting: "dedicated",
    settings: {},
  };
};

/** The good body with some members replaced by generated ones. */
const bodyOf = (operationId: OperationId, own: Things, schema: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => {
  const strange = arbitraryOfSchema({}, {}, 1);
  const generated = fc.oneof({ arbitrary: schema, weight: 12 }, { arbitrary: strange, weight: 1 });
  const mixed = fc
    .tuple(fc.nat(), fc.dictionary(fc.string({ maxLength: 9 }), strange, { maxKeys: 1 }), generated, fc.nat(7))
    .map(([nth, extra, other, pick]) => {
      const good = goodBody(operationId, own, nth);
      if (good === null || pick > 5) return other;
      const members =
        typeof other === "object" && other !== null ? Object.entries(other).filter((_, index) => index === pick) : [];
      return { ...good, ...Object.fromEntries(members), ...(pick === 5 ? extra : {}) };
    });
  return mixed;
};

const headersOf = (own: Things) =>
  fc.record({
    "idempotency-key": present(
      fc.oneof(fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 300 }), fc.constant("same")),
    ),
    "if-match": present(fc.constantFrom("*", '"1"', '"999"', "W/x", "")),
    "content-type": fc.oneof(
      { arbitrary: fc.constant("application/json"), weight: 15 },
      { arbitrary: fc.constantFrom("text/plain", "application/xml", "x"), weight: 1 },
    ),
    authorization: fc.oneof(
      { arbitrary: fc.constant(`Bearer ${own.token}`), weight: 15 },
      { arbitrary: fc.constantFrom("", "Bearer x", "Basic eA==", `Bearer ${foreign.token}`), weight: 1 },
    ),
  });

const clean = (values: { [name: string]: string | undefined }): { [name: string]: string } =>
  Object.fromEntries(Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));

const check = async (
  operationId: OperationId,
  route: Route,
  request: { url: string; headers: { [name: string]: string }; payload?: string },
) => {
  const response = await api.app.inject({ method: route.method, ...request });
  const { statusCode } = response;
  // No worker is there to answer for a node.
  const isExpected = operationId === "chains.logs" && statusCode === 503;
  expect(isExpected || statusCode < 500, response.body).toBe(true);
  demandContractForm(operationId, response);
  // A path that a nasty text has changed may be another one, or none.
  const declared = Object.keys(paths[route.path][route.method.toLowerCase()].responses);
  const isOther = response.statusCode === 404 && response.json().code === "request.not_found";
  if (!isOther) expect(declared, `${operationId} ${response.body.slice(0, 300)}`).toContain(String(statusCode));
  return statusCode;
};

/** Need what a random request does not have: a worker that answers, a live refresh token, an operation in trouble, … */
const unreachable = new Set<OperationId>([
  "sessions.create",
  "apps.close",
  "sessions.refresh",
  "chains.logs",
  "chains.pause",
  "chains.resume",
  "chains.restore",
  "chains.import",
  "operations.cancel",
  "operations.retry",
]);

describe("every operation, whatever is sent", () => {
  it.each(operations)("%s answers by its contract, never 5xx", async (operationId, route) => {
    const own = await makeOwn();
    const seen = new Map<number, number>();
    const described = paths[route.path][route.method.toLowerCase()];
    const schema = described.requestBody?.content?.["application/json"]?.schema;
    const body =
      schema === undefined ? fc.constant(undefined) : bodyOf(operationId, own, arbitraryOfSchema(schema, components));
    await fc.assert(
      fc.asyncProperty(
        pathOf(route, own),
        queryOf(described.parameters ?? []),
        headersOf(own),
        body,
        async (path, query, sent, payload) => {
          const text = payload === undefined ? undefined : JSON.stringify(payload);
          // An empty path segment is another operation's address.
          fc.pre(
            !path.includes("//") &&
              !path.endsWith("/") &&
              !path.includes("/./") &&
              !path.includes("/../") &&
              !path.endsWith("/.") &&
              !path.endsWith("/.."),
          );
          const status = await check(operationId, route, {
            url: query === "" ? path : `${path}?${query}`,
            headers: clean(sent),
            ...(text === undefined ? {} : { payload: text }),
          });
          seen.set(status, (seen.get(status) ?? 0) + 1);
        },
      ),
      { numRuns, endOnFailure: true },
    );
    // Noise that never gets past the door would prove nothing.
    if (!unreachable.has(operationId))
      expect(seen.get(route.successStatus) ?? 0, JSON.stringify([...seen])).toBeGreaterThan(0);
  });
});
