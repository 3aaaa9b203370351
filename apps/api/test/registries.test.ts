import { registryContext } from "@portolan/custody";
import { decodeRegistryLogin, maxRegistriesPerApp } from "@portolan/domain";
import { withTenant } from "@portolan/store";
import { describe, expect, it } from "vitest";
import { makeChain, startApi, type TenantSession } from "./harness.ts";

const api = await startApi({ operator: { forks: [], tenantRegistries: ["ghcr.io", "*.azurecr.io"] } });
const { system, app: asTenant } = api.deps.clients;
const [owner, stranger] = [await api.signUp(), await api.signUp()];
const password = "hunter2-hunter2";

const newApp = async ({ token }: TenantSession) =>
  (await api.call("apps.create", { token, body: { name: "shop" } })).id;
const set = (session: TenantSession, app: string, registry = "ghcr.io", body: object = { username: "bob", password }) =>
  api.call("registries.set", { token: session.token, params: { app, registry }, body });
const stored = (appId: string) =>
  system.registryCredential.findMany({ where: { appId }, omit: { sealed: false }, orderBy: { version: "asc" } });

describe("registries.set", () => {
  it("200: keeps the password sealed for the app, the host and this writing, and never says it", async () => {
    const app = await newApp(owner);
    const answer = await set(owner, app);
    expect(answer).toEqual({ appId: app, host: "ghcr.io", username: "bob", setAt: expect.any(String) });
    const params = { app, registry: "ghcr.io" };
    expect(await api.call("registries.get", { token: owner.token, params })).toEqual(answer);
    const list = await api.call("registries.list", { token: owner.token, params: { app } });
    expect(list).toEqual({ items: [answer], nextPageToken: null });
    const [row] = await stored(app);
    if (row === undefined) throw new Error("no row");
    expect(Buffer.from(row.sealed).toString("latin1")).not.toContain("hunter2");
    const context = registryContext({ tenantId: owner.tenantId, appId: app }, "ghcr.io", row.id);
    expect(decodeRegistryLogin(await api.deps.custody.open(row.sealed, context))).toEqual({
      username: "bob",
      password,
    });
    for (const other of [
      registryContext({ tenantId: stranger.tenantId, appId: app }, "ghcr.io", row.id),
      registryContext({ tenantId: owner.tenantId, appId: app }, "quay.io", row.id),
      registryContext({ tenantId: owner.tenantId, appId: app }, "ghcr.io", `${row.id}0`),
    ])
      await expect(api.deps.custody.open(row.sealed, other)).rejects.toMatchObject({ code: "custody.tampered" });
  });

  it("200: another password is another version, also after a removal; the audit log has who, never what", async () => {
    const app = await newApp(owner);
    await set(owner, app);
    await set(owner, app, "ghcr.io", { username: "ann", password: "other" });
    const [second] = await stored(app);
    await api.call("registries.remove", { token: owner.token, params: { app, registry: "ghcr.io" } });
    expect(await stored(app)).toEqual([]);
    await set(owner, app);
    const [third] = await stored(app);
    expect(third?.version).toBeGreaterThan(second?.version ?? 0n);
    const events = await system.auditEvent.findMany({ where: { targetId: app }, orderBy: { id: "asc" } });
    expect(events.map(({ action, detail }) => [action, detail]).slice(1)).toEqual([
      ["registry.set", { host: "ghcr.io", username: "bob" }],
      ["registry.set", { host: "ghcr.io", username: "ann", formerUsername: "bob" }],
      ["registry.remove", { host: "ghcr.io" }],
      ["registry.set", { host: "ghcr.io", username: "bob" }],
    ]);
    expect(JSON.stringify(events.map(({ detail }) => detail))).not.toMatch(/hunter2|other/);
  });

  it("wakes the app's chains that are to run, and no other's", async () => {
    const mine = await makeChain(api, owner.token);
    const other = await makeChain(api, owner.token);
    await system.chain.updateMany({ data: { dirty: false, nextAt: null } });
    api.wakes.length = 0;
    await set(owner, mine.appId);
    const dirty = async () =>
      (await system.chain.findMany({ where: { dirty: true }, select: { id: true } })).map(({ id }) => id);
    expect(await dirty()).toEqual([mine.chainId]);
    expect(api.wakes).toEqual([`chain.coordinate {"chainId":"${mine.chainId}"}`]);
    expect(await dirty()).not.toContain(other.chainId);
    await system.chain.updateMany({ data: { dirty: false, nextAt: null } });
    await api.call("registries.remove", { token: owner.token, params: { app: mine.appId, registry: "ghcr.io" } });
    expect(await dirty()).toEqual([mine.chainId]);
  });

  it("422: a registry that the operator does not allow, with those that it does", async () => {
    const app = await newApp(owner);
    const input = { token: owner.token, body: { username: "bob", password } };
    const problem = await api.fail("registries.set", "registry.refused", {
      ...input,
      params: { app, registry: "10.0.0.1:5000" },
    });
    expect(problem.hint).toContain("ghcr.io, *.azurecr.io");
    await set(owner, app, "acme.azurecr.io");
    expect((await stored(app)).map(({ host }) => host)).toEqual(["acme.azurecr.io"]);
  });

  it.each([
    ["a host that is none", "https://ghcr.io", { username: "bob", password }],
    ["a name with a colon", "ghcr.io", { username: "b:ob", password }],
    ["no password", "ghcr.io", { username: "bob" }],
    ["a password without end", "ghcr.io", { username: "bob", password: "x".repeat(8_193) }],
    ["a member too many", "ghcr.io", { username: "bob", password, scope: "all" }],
  ])("400: %s, and what was sent is not said again", async (_name, registry, body) => {
    const app = await newApp(owner);
    const problem = await api.fail("registries.set", "request.invalid", {
      ...{ token: owner.token, params: { app, registry }, body },
    });
    expect(JSON.stringify(problem)).not.toContain("hunter2");
    expect(await stored(app)).toEqual([]);
  });

  it("403: one registry more than an app may have; one that it has may still be written anew", async () => {
    const app = await newApp(owner);
    const host = (index: number) => `r${index}.azurecr.io`;
    await Promise.all(
      Array.from({ length: maxRegistriesPerApp + 2 }, (_, index) =>
        api.send("registries.set", {
          ...{ token: owner.token, params: { app, registry: host(index) }, body: { username: "bob", password } },
        }),
      ),
    );
    const rows = await stored(app);
    expect(rows).toHaveLength(maxRegistriesPerApp);
    await set(owner, app, rows[0]?.host);
    const params = { app, registry: "ghcr.io" };
    const body = { username: "bob", password };
    await api.fail("registries.set", "quota.exceeded", { token: owner.token, params, body });
  });

  it("409: an app that is closed, whose credentials went with it", async () => {
    const app = await newApp(owner);
    await set(owner, app);
    await api.call("apps.close", { token: owner.token, params: { app } });
    expect(await stored(app)).toEqual([]);
    const params = { app, registry: "ghcr.io" };
    await api.fail("registries.set", "app.closed", { token: owner.token, params, body: { username: "b", password } });
  });

  it("403: a viewer neither sets nor sees them", async () => {
    const app = await newApp(owner);
    await set(owner, app);
    const account = { name: "look", role: "viewer" };
    const { secret: token } = await api.call("serviceAccounts.create", { token: owner.token, body: account });
    const params = { app, registry: "ghcr.io" };
    await api.fail("registries.get", "permission.denied", { token, params });
    await api.fail("registries.set", "permission.denied", { token, params, body: { username: "b", password } });
    await api.fail("registries.remove", "permission.denied", { token, params });
  });
});

describe("registries.remove", () => {
  it("404: there is none (any more)", async () => {
    const app = await newApp(owner);
    const input = { token: owner.token, params: { app, registry: "ghcr.io" } };
    await api.fail("registries.remove", "resource.not_found", input);
    await api.fail("registries.get", "resource.not_found", input);
  });
});

describe("another tenant", () => {
  it("404: of an app that is not its own, and nothing is changed", async () => {
    const app = await newApp(owner);
    await set(owner, app);
    const before = await stored(app);
    const input = { token: stranger.token, params: { app, registry: "ghcr.io" } };
    await api.fail("registries.get", "resource.not_found", input);
    await api.fail("registries.list", "resource.not_found", input);
    await api.fail("registries.remove", "resource.not_found", input);
    await api.fail("registries.set", "resource.not_found", { ...input, body: { username: "eve", password } });
    expect(await stored(app)).toEqual(before);
  });

  it("sees, writes and removes no row of it in the database, and reads no sealed part even of its own", async () => {
    const [app, own] = [await newApp(owner), await newApp(stranger)];
    await set(owner, app);
    await set(stranger, own);
    const { tenantId } = stranger;
    const seen = await withTenant(asTenant, tenantId, (transaction) => transaction.registryCredential.findMany());
    expect(seen.map(({ appId }) => appId)).toEqual([own]);
    const gone = await withTenant(asTenant, tenantId, (transaction) =>
      transaction.registryCredential.deleteMany({ where: { appId: app } }),
    );
    expect(gone.count).toBe(0);
    const row = {
      id: "rgc_x",
      tenantId: owner.tenantId,
      appId: app,
      host: "x.io",
      username: "u",
      sealed: new Uint8Array(),
    };
    await expect(
      withTenant(asTenant, tenantId, (transaction) => transaction.registryCredential.create({ data: row })),
    ).rejects.toThrow();
    await expect(
      withTenant(asTenant, tenantId, (transaction) =>
        transaction.registryCredential.findMany({ omit: { sealed: false } }),
      ),
    ).rejects.toThrow(/permission denied/);
    await expect(
      withTenant(asTenant, tenantId, (transaction) =>
        transaction.registryCredential.updateMany({ data: { username: "eve" } }),
      ),
    ).rejects.toThrow(/permission denied/);
  });
});
