import type { BackupResource } from "@portolan/contract";
import { mostBackups } from "@portolan/domain";
import { findFramework } from "@portolan/frameworks";
import { describe, expect, it } from "vitest";
import { makeChain, startApi } from "./harness.ts";

const anvil = findFramework("anvil");
if (anvil === undefined) throw new Error("anvil is not there");
const { backup: _none, ...unsupported } = { ...anvil, slug: "plain", title: "Plain" };
const api = await startApi({ frameworks: [unsupported] });
const { token, tenantId } = await api.signUp();
const foreign = await api.signUp();
const { system } = api.deps.clients;

/** What a worker would write when the chain's operation has reached its end. */
const finish = async (chainId: string) => {
  await system.operation.updateMany({
    where: { targetId: chainId, state: { in: ["queued", "running", "needsAttention"] } },
    data: { state: "succeeded", progress: 1, endedAt: new Date() },
  });
  const { generation } = await system.chain.findUniqueOrThrow({ where: { id: chainId } });
  const reached = { observedGeneration: generation, hasRun: true, nextAt: null, restoreBackupId: null };
  await system.chain.update({ where: { id: chainId }, data: reached });
};
const running = async (plan = "standard") => {
  const { chainId } = await makeChain(api, token, { plan });
  await finish(chainId);
  return { chainId, params: { chain: chainId } };
};
const copies = [{ placementId: "plc_x", region: "local", sizeBytes: 4096, files: 2, digest: "00" }];
/** A backup as it is when its worker is done. */
const taken = async (chainId: string, state = "ready"): Promise<BackupResource> => {
  await api.call("backups.create", { token, params: { chain: chainId }, body: {} });
  const [found] = (await api.call("backups.list", { token, params: { chain: chainId } })).items;
  const id = found?.id ?? "";
  await system.backup.update({ where: { id }, data: { state, copies, sizeBytes: 4096n, endedAt: new Date() } });
  await finish(chainId);
  return api.call("backups.get", { token, params: { backup: id } });
};
const rowOf = (id: string) => system.chain.findUniqueOrThrow({ where: { id } });

describe("POST /v1/chains/{chain}/backups", () => {
  it("202: an operation, a backup that is queued, a wish that is due, an audit row", async () => {
    const { chainId, params } = await running();
    const before = await rowOf(chainId);
    const response = await api.send("backups.create", { token, params, body: {} });
    expect(response.statusCode, response.body).toBe(202);
    const operation = response.json();
    expect(operation).toMatchObject({ kind: "chain.backup", state: "queued", target: { type: "chain", id: chainId } });
    expect(operation.steps.map(({ key }: { key: string }) => key)).toEqual(["stop", "copy"]);
    expect(response.headers.location).toBe(`/v1/operations/${operation.id}`);
    const { items } = await api.call("backups.list", { token, params });
    expect(items).toEqual([
      expect.objectContaining({
        ...{ chainId, state: "queued", operationId: operation.id, framework: "anvil", nodes: ["node-0"] },
        ...{ sizeBytes: "0", store: "directory" },
      }),
    ]);
    const row = await rowOf(chainId);
    expect(row).toMatchObject({ wish: "running", generation: before.generation + 1 });
    expect(row.nextAt).not.toBeNull();
    expect(api.wakes.at(-1)).toContain(chainId);
    const audit = await system.auditEvent.findFirstOrThrow({ where: { tenantId, action: "chain.backup" } });
    expect(audit).toMatchObject({ targetId: chainId, detail: { operationId: operation.id, backupId: items[0]?.id } });
  });

  it("is answered once by one Idempotency-Key", async () => {
    const { params } = await running();
    const send = () =>
      api.call("backups.create", { token, params, body: {}, headers: { "idempotency-key": "nightly-1" } });
    expect((await send()).id).toBe((await send()).id);
    expect((await api.call("backups.list", { token, params })).items).toHaveLength(1);
  });

  it("leaves a paused chain paused", async () => {
    const { chainId, params } = await running();
    await api.call("chains.pause", { token, params, body: {} });
    await finish(chainId);
    await api.call("backups.create", { token, params, body: {} });
    expect((await rowOf(chainId)).wish).toBe("paused");
  });

  it("404 for another tenant, 403 for a viewer, 401 for nobody", async () => {
    const { params } = await running();
    await api.fail("backups.create", "resource.not_found", { token: foreign.token, params, body: {} });
    await api.fail("backups.list", "resource.not_found", { token: foreign.token, params });
    await api.fail("backups.create", "credential.missing", { params, body: {} });
    const { secret: viewer } = await api.call("serviceAccounts.create", {
      ...{ token, body: { name: "eyes", role: "viewer" } },
    });
    await api.fail("backups.create", "permission.denied", { token: viewer, params, body: {} });
    expect((await api.call("backups.list", { token: viewer, params })).items).toEqual([]);
  });

  it("409 while something runs on the chain, before it ever ran, and beyond what a chain may have; 410 deleted", async () => {
    const { chainId, params } = await running();
    const operation = await api.call("backups.create", { token, params, body: {} });
    const busy = await api.fail("backups.create", "chain.busy", { token, params, body: {} });
    expect(busy.operationId).toBe(operation.id);
    await finish(chainId);
    await system.backup.deleteMany({ where: { chainId } });
    for (let count = 0; count < mostBackups; count++) await taken(chainId);
    await api.fail("backups.create", "backup.limit", { token, params, body: {} });
    await api.call("chains.delete", { token, params });
    await api.fail("backups.create", "chain.deleted", { token, params, body: {} });

    const fresh = await makeChain(api, token);
    await system.operation.updateMany({ where: { targetId: fresh.chainId }, data: { state: "succeeded" } });
    const never = { token, params: { chain: fresh.chainId }, body: {} };
    expect((await api.fail("backups.create", "chain.wrong_phase", never)).detail).toContain("never run");
  });

  it("409 where the framework or the region's runtime knows no copies", async () => {
    const { chainId, params } = await running();
    await system.chain.update({ where: { id: chainId }, data: { framework: "plain" } });
    await api.fail("backups.create", "backup.unsupported", { token, params, body: {} });
    await system.chain.update({ where: { id: chainId }, data: { framework: "anvil" } });
    const region = { slug: "local" };
    await system.region.update({ where: region, data: { capabilities: { hasSnapshots: false } } });
    await api.fail("backups.create", "backup.unsupported", { token, params, body: {} });
    await system.region.update({ where: region, data: { capabilities: { hasSnapshots: true } } });
    await api.call("backups.create", { token, params, body: {} });
  });

  it("can be cancelled: the chain stays as it is wished", async () => {
    const { chainId, params } = await running();
    const operation = await api.call("backups.create", { token, params, body: {} });
    await api.call("operations.cancel", { token, params: { operation: operation.id }, body: {} });
    expect(await rowOf(chainId)).toMatchObject({ wish: "running", deletedAt: null });
  });
});

describe("GET and DELETE /v1/backups/{backup}", () => {
  it("are the tenant's own: 404 for another's and for none", async () => {
    const { chainId } = await running();
    const { id } = await taken(chainId);
    for (const operationId of ["backups.get", "backups.delete"] as const) {
      await api.fail(operationId, "resource.not_found", { token: foreign.token, params: { backup: id } });
      const params = { backup: api.deps.ids.next("backup") };
      await api.fail(operationId, "resource.not_found", { token, params });
      await api.fail(operationId, "request.invalid", { token, params: { backup: "../../etc" } });
    }
    expect((await api.call("backups.get", { token, params: { backup: id } })).state).toBe("ready");
  });

  it("204: it is deleted, audited, off the list and can't be restored; again 204", async () => {
    const { chainId, params } = await running();
    const { id } = await taken(chainId);
    for (const _ of [1, 2]) await api.call("backups.delete", { token, params: { backup: id } });
    expect((await api.call("backups.get", { token, params: { backup: id } })).state).toBe("deleted");
    expect((await api.call("backups.list", { token, params })).items).toEqual([]);
    await api.fail("chains.restore", "backup.not_ready", { token, params, body: { backup: id } });
    expect(await system.auditEvent.count({ where: { action: "backup.delete", targetId: id } })).toBe(1);
  });

  it("409 while it is taken or restored", async () => {
    const { chainId, params } = await running();
    await api.call("backups.create", { token, params, body: {} });
    const [open] = (await api.call("backups.list", { token, params })).items;
    await api.fail("backups.delete", "chain.busy", { token, params: { backup: open?.id ?? "" } });
    await system.backup.updateMany({ where: { chainId }, data: { state: "failed" } });
    await finish(chainId);
    const { id } = await taken(chainId);
    await api.call("chains.restore", { token, params, body: { backup: id } });
    await api.fail("backups.delete", "chain.busy", { token, params: { backup: id } });
    await finish(chainId);
    await api.call("backups.delete", { token, params: { backup: id } });
  });
});

describe("POST /v1/chains/{chain}/restore with a backup", () => {
  it("202: the wish names it, and nobody can cancel it", async () => {
    const { chainId, params } = await running();
    const { id } = await taken(chainId);
    const operation = await api.call("chains.restore", { token, params, body: { backup: id } });
    expect(operation).toMatchObject({ kind: "chain.restore", state: "queued" });
    expect(await rowOf(chainId)).toMatchObject({ wish: "running", restoreBackupId: id });
    const cancel = { token, params: { operation: operation.id }, body: {} };
    await api.fail("operations.cancel", "operation.not_cancellable", cancel);
    await api.fail("chains.restore", "chain.busy", { token, params, body: { backup: id } });
  });

  it("202 for a chain that is paused, or deleted inside its window; 409 where the plan has none or it is over", async () => {
    const { chainId, params } = await running();
    const { id } = await taken(chainId);
    await api.call("chains.pause", { token, params, body: {} });
    await finish(chainId);
    await api.call("chains.restore", { token, params, body: { backup: id } });
    await finish(chainId);
    await api.call("chains.delete", { token, params });
    await finish(chainId);
    await api.call("chains.restore", { token, params, body: { backup: id } });
    expect(await rowOf(chainId)).toMatchObject({ wish: "running", restoreBackupId: id, deletedAt: null });
    await api.call("chains.delete", { token, params });
    await finish(chainId);
    await system.chain.update({ where: { id: chainId }, data: { purgeAt: new Date(Date.now() - 1_000) } });
    await api.fail("chains.restore", "chain.not_restorable", { token, params, body: { backup: id } });

    const dev = await running("dev");
    const backup = (await taken(dev.chainId)).id;
    await api.call("chains.delete", { token, params: dev.params });
    await finish(dev.chainId);
    await api.fail("chains.restore", "chain.not_restorable", { token, params: dev.params, body: { backup } });
  });

  it("404 for another tenant's backup; 409 for another chain's, another version's and one that is not ready", async () => {
    const { chainId, params } = await running();
    const other = await running();
    const { id } = await taken(other.chainId);
    await api.fail("chains.restore", "chain.not_restorable", { token, params, body: { backup: id } });
    const stranger = await makeChain(api, foreign.token);
    await api.fail("chains.restore", "resource.not_found", {
      ...{ token: foreign.token, params: { chain: stranger.chainId }, body: { backup: id } },
    });
    const failed = await taken(chainId, "failed");
    await api.fail("chains.restore", "backup.not_ready", { token, params, body: { backup: failed.id } });
    const older = await taken(chainId);
    await system.backup.update({ where: { id: older.id }, data: { version: "0.1.0" } });
    await api.fail("chains.restore", "chain.not_restorable", { token, params, body: { backup: older.id } });
    await api.fail("chains.restore", "chain.wrong_phase", { token, params, body: {} });
    expect((await rowOf(chainId)).restoreBackupId).toBeNull();
  });
});
