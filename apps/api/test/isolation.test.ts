import { type OperationId, operations } from "@portolan/contract";
import { can, permissionTable, type Role, tenantRoles } from "@portolan/domain";
import { withTenant } from "@portolan/store";
import { describe, expect, it } from "vitest";
import { makeBackup, makeChain, startApi, type TenantSession } from "./harness.ts";
import { makeNetwork, testNetwork } from "./network.ts";

const api = await startApi({ frameworks: [testNetwork] });
const [owner, stranger] = [await api.signUp(), await api.signUp()];

const makeEverything = async (session: TenantSession, registry: string) => {
  const { token } = session;
  const { appId, chainId, operation } = await makeChain(api, token, { plan: "standard" });
  const key = await api.call("keys.create", { token, params: { app: appId }, body: { name: "k", scopes: ["rpc"] } });
  const account = await api.call("serviceAccounts.create", { token, body: { name: "ci", role: "viewer" } });
  const backup = await makeBackup(api, session.tenantId, chainId);
  const login = { username: "puller", password: "a token" };
  await api.call("registries.set", { token, params: { app: appId, registry }, body: login });
  return {
    registry,
    app: appId,
    chain: chainId,
    operation: operation.id,
    key: key.id,
    serviceAccount: account.id,
    backup,
  };
};
const settingsOf = {
  "channels.create": {},
  "chaincodes.create": { channel: "trade", source: { kind: "catalogue", name: "token" } },
  "identities.create": { organisation: "org1" },
};
const makeParts = async ({ token }: TenantSession) => {
  const { chain, params } = await makeNetwork(api, token);
  const make = async (id: keyof typeof settingsOf) =>
    (await api.call(id, { token, params, body: { name: "part", settings: settingsOf[id] } })).target.id;
  const [channel, chaincode] = [await make("channels.create"), await make("chaincodes.create")];
  return { chain, channel, chaincode, identity: await make("identities.create"), document: "network.json" };
};
const theirs = await makeEverything(owner, "ghcr.io");
const mine = await makeEverything(stranger, "quay.io");

/** A body that passes the contract, so that the answer is about the address and not about the form. */
const bodies: { readonly [K in OperationId]?: object } = {
  "apps.update": { name: "stolen" },
  "keys.create": { name: "stolen", scopes: ["rpc"] },
  "registries.set": { username: "eve", password: "stolen" },
  "chains.quote": { appId: theirs.app, name: "x", framework: "anvil", plan: "dev", regions: ["local"] },
  "chains.create": { appId: theirs.app, name: "x", framework: "anvil", plan: "dev", regions: ["local"] },
  ...Object.fromEntries(Object.entries(settingsOf).map(([id, settings]) => [id, { name: "stolen", settings }])),
  "chains.export": { backup: theirs.backup, passphrase: "a pass phrase of theirs" },
  "channels.update": { settings: {} },
  "chaincodes.update": { settings: {} },
  "identities.update": { settings: {} },
};

const addressed = operations.filter(
  ([id, route]) => route.path.includes("{") || id === "chains.quote" || id === "chains.create",
);

const partsOf = [await makeParts(owner), await makeParts(stranger)] as const;

describe("another tenant's resource", () => {
  it.each(addressed.map(([id]) => id))("is 404 for %s, and stays as it was", async (id) => {
    const before = await snapshot();
    const document = await api.fail(id, "resource.not_found", {
      token: stranger.token,
      params: theirs,
      body: bodies[id],
    });
    expect(JSON.stringify(document)).not.toContain(owner.tenantId);
    expect(await snapshot()).toEqual(before);
  });

  const partRoutes = addressed.filter(([, { path }]) => /\/(channels|chaincodes|identities|documents)/.test(path));

  it.each(partRoutes.map(([id]) => id))("is 404 for %s of a network that has them", async (id) => {
    const before = await snapshot();
    await api.fail(id, "resource.not_found", { token: stranger.token, params: partsOf[0], body: bodies[id] });
    // One's own chain with another's part in it.
    const mixed = { ...partsOf[0], chain: partsOf[1].chain };
    if (/\{(channel|chaincode|identity)\}/.test(addressed.find(([other]) => other === id)?.[1].path ?? ""))
      await api.fail(id, "resource.not_found", { token: stranger.token, params: mixed, body: bodies[id] });
    expect(await snapshot()).toEqual(before);
  });

  it("is 404 also when only one part of the address is foreign", async () => {
    await api.fail("keys.revoke", "resource.not_found", {
      token: stranger.token,
      params: { app: mine.app, key: theirs.key },
    });
    await api.fail("keys.revoke", "resource.not_found", {
      token: stranger.token,
      params: { app: theirs.app, key: mine.key },
    });
  });

  it("never stands in a list", async () => {
    const lists = operations.filter(
      ([, route]) => route.method === "GET" && !route.path.includes("{") && route.permission !== "public",
    );
    for (const [id] of lists) {
      const text = JSON.stringify(await api.call(id, { token: stranger.token }));
      for (const foreign of [owner.tenantId, owner.userId, ...Object.values(theirs)])
        expect(text, id).not.toContain(foreign);
    }
  });

  it("can't be selected by a session of another tenant", async () => {
    const { email, token } = stranger;
    expect(token).not.toBe("");
    await api.fail("sessions.create", "credential.invalid", {
      body: { email, password: "a long enough pass phrase", tenant: owner.tenantId },
    });
  });
});

const snapshot = async () => {
  const { system } = api.deps.clients;
  const where = { tenantId: owner.tenantId };
  return JSON.stringify(
    [
      await system.app.findMany({ where }),
      await system.key.findMany({ where }),
      await system.registryCredential.findMany({ where }),
      await system.chain.findMany({ where }),
      await system.operation.findMany({ where }),
      await system.serviceAccount.findMany({ where }),
      await system.part.findMany({ where }),
    ],
    (_name, value: unknown) => (typeof value === "bigint" ? String(value) : value),
  );
};

describe("row-level security, the second line", () => {
  it("hides every tenant's rows but the transaction's own, without any filter of ours", async () => {
    const { app } = api.deps.clients;
    const counts = await withTenant(app, stranger.tenantId, async (transaction) => ({
      apps: await transaction.app.findMany({ select: { tenantId: true } }),
      keys: await transaction.key.findMany({ select: { tenantId: true } }),
      registries: await transaction.registryCredential.findMany({ select: { tenantId: true } }),
      chains: await transaction.chain.findMany({ select: { tenantId: true } }),
      operations: await transaction.operation.findMany({ select: { tenantId: true } }),
      placements: await transaction.placement.findMany({ select: { tenantId: true } }),
      parts: await transaction.part.findMany({ select: { tenantId: true } }),
      audit: await transaction.auditEvent.findMany({ select: { tenantId: true } }),
      decisions: await transaction.decision.findMany({ select: { tenantId: true } }),
    }));
    for (const [table, rows] of Object.entries(counts)) {
      expect(rows.length, table).toBeGreaterThan(0);
      expect(new Set(rows.map(({ tenantId }) => tenantId)), table).toEqual(new Set([stranger.tenantId]));
    }
    expect(await app.app.findMany()).toEqual([]);
  });

  it("refuses rows written into another tenant", async () => {
    const row = { id: "app_0000000000000000000000000a", tenantId: owner.tenantId, name: "planted" };
    await expect(
      withTenant(api.deps.clients.app, stranger.tenantId, (transaction) => transaction.app.create({ data: row })),
    ).rejects.toThrow();
    const { count } = await withTenant(api.deps.clients.app, stranger.tenantId, (transaction) =>
      transaction.app.updateMany({ data: { name: "x" }, where: { id: theirs.app } }),
    );
    expect(count).toBe(0);
  });

  it("keeps people, passwords and sessions from the role that serves tenants", async () => {
    const { app } = api.deps.clients;
    await expect(withTenant(app, stranger.tenantId, (transaction) => transaction.user.findMany())).rejects.toThrow();
    await expect(withTenant(app, stranger.tenantId, (transaction) => transaction.session.findMany())).rejects.toThrow();
  });
});

describe("roles", () => {
  const guarded = operations.filter(([, route]) => route.permission in permissionTable);

  it.each(tenantRoles.map((role) => [role]))("%s may do what the table says, and nothing else", async (role) => {
    const session = await api.signUp();
    await api.deps.clients.system.member.updateMany({ where: { userId: session.userId }, data: { role } });
    await new Promise((resolve) => setTimeout(resolve, 250));
    for (const [id, route] of guarded) {
      // Foreign addresses: a role that may gets a 404 (or its own list), one that may not a 403 before anything is read.
      const response = await api.send(id, {
        token: session.token,
        params: theirs,
        body: bodies[id] ?? (route.body === undefined ? undefined : {}),
      });
      const isAllowed = can(role satisfies Role, route.permission as keyof typeof permissionTable);
      expect(response.statusCode === 403, `${role} ${id} ${response.statusCode}`).toBe(!isAllowed);
      if (!isAllowed) expect(response.json().code).toBe("permission.denied");
    }
  });
});
