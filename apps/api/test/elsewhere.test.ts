import { generateKeyPairSync, randomBytes } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import type { ChainExportContent, ChainExportResource } from "@portolan/contract";
import { clearPartOf } from "@portolan/contract";
import { authorityContext, materialContext, openWithPassphrase, sealWithPassphrase } from "@portolan/custody";
import { describe, expect, it } from "vitest";
import { mostJsonValues } from "../src/http/json-guard.ts";
import { type ApiHarness, startApi, type TenantSession } from "./harness.ts";
import { finish, makeNetwork, testNetwork } from "./network.ts";

const here = await startApi({ frameworks: [testNetwork] });
const there = await startApi({ frameworks: [testNetwork], kek: new Uint8Array(32).fill(9) });
const owner = await here.signUp();
const passphrase = "a pass phrase for the journey";
const secret = "the network's own secret";
const cost = { logN: 4, r: 8, p: 1 };

const keyPair = () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    der: privateKey.export({ format: "der", type: "pkcs8" }),
    pem: String(publicKey.export({ format: "pem", type: "spki" })),
  };
};
const pair = keyPair();

/** A network with a topic, one more that is deleted, a sealed key, an authority and a backup. */
const made = await (async () => {
  const { system } = here.deps.clients;
  const { token, tenantId } = owner;
  const { chain, params } = await makeNetwork(here, token);
  const topics: string[] = [];
  for (const name of ["kept", "old"]) {
    const operation = await here.call("topics.create", { token, params, body: { name, settings: {} } });
    await finish(here, operation.id);
    topics.push(operation.target.id);
  }
  const placement = await system.placement.findFirstOrThrow({ where: { chainId: chain } });
  const backup = here.deps.ids.next("backup");
  const takenAt = new Date(Date.now() - 1_000);
  await system.part.update({ where: { id: topics[1] ?? "" }, data: { deletedAt: new Date() } });
  const row = await system.chain.findUniqueOrThrow({ where: { id: chain } });
  const spec = { ...row, chainId: chain, settings: row.settings as never, serial: 1, parts: [] };
  const nodes = testNetwork.topology({ ...spec, tenantId });
  const addresses = nodes.flatMap((node) =>
    node.ports.map((port, at) => {
      const number = 21_000 + node.ordinal * 10 + at + (node.role === "hub" ? 500 : 0);
      return { node: node.name, port: port.name, host: "127.0.0.1", number, bindHost: "127.0.0.1", bindNumber: number };
    }),
  );
  await system.placement.update({ where: { id: placement.id }, data: { addresses } });
  const scope = { tenantId, chainId: chain };
  const at = { tenantId, chainId: chain, owner: "plane", public: { words: 24 } };
  for (const version of [1, 2]) {
    const sealed = await here.deps.custody.seal(
      Buffer.from(`${secret} ${version}`),
      materialContext(scope, "key", version),
    );
    const id = here.deps.ids.next("material");
    const renewAt = new Date("2027-01-01T00:00:00Z");
    await system.material.create({
      data: { ...at, id, name: "key", version, kind: "key", sealed: new Uint8Array(sealed), renewAt },
    });
  }
  const sealed = await here.deps.custody.seal(pair.der, authorityContext(scope, "authority/a", "ed25519"));
  await system.authorityKey.create({
    data: {
      ...{ id: "aky_1", tenantId, chainId: chain, ref: "authority/a", algorithm: "ed25519", publicKey: pair.pem },
      sealed: new Uint8Array(sealed),
    },
  });
  await system.backup.create({
    data: {
      ...{ id: backup, tenantId, chainId: chain, operationId: "opr_x", state: "ready", framework: "fake" },
      ...{ version: "1.0.0", nodes: [], sizeBytes: 5n, createdAt: takenAt, endedAt: new Date() },
      copies: [{ placementId: placement.id, region: "local", sizeBytes: 5, files: 1, digest: "ab".repeat(32) }],
    },
  });
  return { chain, params, backup, placement: placement.id, topics, addresses, serial: row.serial };
})();

const body = { backup: made.backup, passphrase };
const exported = await here.call("chains.export", { token: owner.token, params: made.params, body });

const opened = async (document: ChainExportResource): Promise<ChainExportContent> => {
  const box = { kdf: document.kdf, sealed: Buffer.from(document.sealed, "base64") };
  return JSON.parse(gunzipSync(await openWithPassphrase(passphrase, box, clearPartOf(document))).toString("utf8"));
};

/** A document as somebody writes it who knows its pass phrase, and wishes more than is theirs. */
const crafted = async (
  change: (content: ChainExportContent) => unknown,
  beside: (clear: ReturnType<typeof clearPartOf>) => ReturnType<typeof clearPartOf> = (clear) => clear,
): Promise<ChainExportResource> => {
  const clear = beside(clearPartOf(exported));
  const content = change(await opened(exported));
  const { kdf, sealed } = await sealWithPassphrase(passphrase, gzipSync(JSON.stringify(content)), clear, { cost });
  return { ...clear, kdf, sealed: Buffer.from(sealed).toString("base64") };
};

const arrive = async (plane: ApiHarness, session?: TenantSession) => {
  const { token, tenantId } = session ?? (await plane.signUp());
  const { id: app } = await plane.call("apps.create", { token, body: { name: "shop" } });
  return { token, tenantId, app };
};
const nothingThere = async () => {
  const { system } = there.deps.clients;
  const where = { chainId: made.chain };
  expect(await system.chain.count({ where: { id: made.chain } })).toBe(0);
  expect(await system.material.count({ where })).toBe(0);
  expect(await system.placement.count({ where })).toBe(0);
};

describe("POST /v1/chains/{chain}/export", () => {
  it("200: says what the backup is, and seals all that belongs to it", async () => {
    const { sealed: _sealed, kdf, exportedAt: _at, backup, ...clear } = exported;
    expect(clear).toEqual({
      ...{ format: "portolan.chain-export/1", chainId: made.chain, framework: "fake", version: "1.0.0" },
      ...{ plan: "standard", regions: ["local"] },
    });
    expect(backup).toMatchObject({
      id: made.backup,
      copies: [{ placementId: made.placement, region: "local", sizeBytes: 5, digest: "ab".repeat(32) }],
    });
    expect(kdf).toMatchObject({ name: "scrypt", ...cost });
    const content = await opened(exported);
    expect(content.material.map(({ name, version, secret: text }) => [name, version, text])).toEqual([
      ["genesis", 1, undefined],
      ...[1, 2].map((version) => ["key", version, Buffer.from(`${secret} ${version}`).toString("base64")]),
    ]);
    expect(content.authorityKeys).toEqual([
      { ref: "authority/a", algorithm: "ed25519", publicKey: pair.pem, privateKey: pair.der.toString("base64") },
    ]);
    expect(content.parts.map(({ name, deletedAt }) => [name, deletedAt !== undefined])).toEqual([
      ["kept", false],
      ["old", true],
    ]);
    expect(content.placements[0]?.addresses[0]).toEqual(expect.not.objectContaining({ bindHost: expect.anything() }));
    expect(content.serial).toBe(String(made.serial));
  });

  it("is stored by nobody on the way: not under an Idempotency-Key, not in the audit log, not in a cache", async () => {
    const headers = { "idempotency-key": "export-1" };
    const send = () => here.send("chains.export", { token: owner.token, params: made.params, body, headers });
    const [one, two] = [await send(), await send()];
    expect(one.headers["cache-control"]).toBe("no-store");
    expect(one.json().sealed).not.toBe(two.json().sealed);
    const { system } = here.deps.clients;
    const rows = [
      await system.idempotencyRecord.findMany(),
      await system.auditEvent.findMany({ where: { action: "chain.export" } }),
      await system.operation.findMany(),
    ];
    const text = JSON.stringify(rows, (_key, value) => (typeof value === "bigint" ? String(value) : value));
    expect(text).toContain(made.backup);
    for (const word of [passphrase, one.json().sealed, two.json().kdf.salt]) expect(text).not.toContain(word);
  });

  it("opens what is still sealed for the tenant that the chain was adopted from", async () => {
    const { system } = here.deps.clients;
    const where = { chainId: made.chain };
    const before = await opened(exported);
    const former = { tenantId: here.deps.ids.next("tenant"), chainId: made.chain };
    const own = { tenantId: owner.tenantId, chainId: made.chain };
    const reseal = async (from: typeof own, to: typeof own) => {
      for (const row of await system.material.findMany({ where, omit: { sealed: false } })) {
        if (row.sealed === null) continue;
        const plain = await here.deps.custody.open(row.sealed, materialContext(from, row.name, row.version));
        const sealed = await here.deps.custody.seal(plain, materialContext(to, row.name, row.version));
        await system.material.update({ where: { id: row.id }, data: { sealed: new Uint8Array(sealed) } });
      }
      const key = await system.authorityKey.findFirstOrThrow({ where, omit: { sealed: false } });
      const plain = await here.deps.custody.open(key.sealed, authorityContext(from, key.ref, "ed25519"));
      const sealed = await here.deps.custody.seal(plain, authorityContext(to, key.ref, "ed25519"));
      await system.authorityKey.update({ where: { id: key.id }, data: { sealed: new Uint8Array(sealed) } });
      const sealedFor = to === own ? null : to.tenantId;
      await system.chain.update({ where: { id: made.chain }, data: { sealedFor } });
    };
    await reseal(own, former);
    const document = await here.call("chains.export", { token: owner.token, params: made.params, body });
    expect(await opened(document)).toEqual(before);
    await reseal(former, own);
  });

  it("is for owners only", async () => {
    for (const role of ["admin", "developer", "finance", "viewer"]) {
      const { secret: token } = await here.call("serviceAccounts.create", {
        ...{ token: owner.token, body: { name: role, role } },
      });
      await here.fail("chains.export", "permission.denied", { token, params: made.params, body });
    }
    const stranger = await here.signUp();
    await here.fail("chains.export", "resource.not_found", { token: stranger.token, params: made.params, body });
  });

  it("400 for a short pass phrase; 404 and 409 for what is no backup of it; 410 once it is purged", async () => {
    const { token } = owner;
    const { params } = made;
    const { system } = here.deps.clients;
    const short = { ...body, passphrase: "eleven char" };
    await here.fail("chains.export", "request.invalid", { token, params, body: short });
    const none = { ...body, backup: here.deps.ids.next("backup") };
    await here.fail("chains.export", "resource.not_found", { token, params, body: none });
    const where = { id: made.backup };
    const { copies } = await system.backup.findUniqueOrThrow({ where });
    await system.backup.update({ where, data: { state: "failed" } });
    await here.fail("chains.export", "backup.not_ready", { token, params, body });
    await system.backup.update({ where, data: { state: "ready", copies: [] } });
    await here.fail("chains.export", "backup.not_ready", { token, params, body });
    await system.backup.update({ where, data: { copies: copies as never } });
    await system.chain.update({ where: { id: made.chain }, data: { wish: "purged" } });
    await here.fail("chains.export", "chain.deleted", { token, params, body });
    await system.chain.update({ where: { id: made.chain }, data: { wish: "running" } });
  });

  it("409 for what no import would take, while the chain is still there", async () => {
    const { system } = here.deps.clients;
    const { id, public: before } = await system.material.findFirstOrThrow({ where: { chainId: made.chain } });
    const request = { token: owner.token, params: made.params, body };
    const attempts = [Array(mostJsonValues).fill(0), randomBytes(7 * 1_024 * 1_024).toString("base64")];
    for (const value of attempts) {
      await system.material.update({ where: { id }, data: { public: value } });
      await here.fail("chains.export", "chain.not_restorable", request);
    }
    await system.material.update({ where: { id }, data: { public: before as never } });
    await here.call("chains.export", request);
  });
});

describe("POST /v1/chains/import", () => {
  it("422, one answer for a wrong pass phrase and for a document that was changed anywhere", async () => {
    const { token, app } = await arrive(there);
    const byte = Buffer.from(exported.sealed, "base64");
    byte[40] = (byte[40] ?? 0) ^ 1;
    const attempts = [
      { export: exported, passphrase: `${passphrase}!` },
      { export: { ...exported, sealed: byte.toString("base64") }, passphrase },
      { export: { ...exported, plan: "dev" }, passphrase },
      { export: { ...exported, backup: { ...exported.backup, id: there.deps.ids.next("backup") } }, passphrase },
      { export: { ...exported, kdf: { ...exported.kdf, salt: "A".repeat(22) } }, passphrase },
      { export: { ...exported, kdf: { ...exported.kdf, logN: 5 } }, passphrase },
      { export: await crafted(() => ({ name: "x" })), passphrase },
    ];
    const answers = new Set<string>();
    for (const attempt of attempts) {
      const { detail, hint, code, status } = await there.fail("chains.import", "export.unreadable", {
        ...{ token, body: { ...attempt, app } },
      });
      answers.add(JSON.stringify({ detail, hint, code, status }));
    }
    expect(answers.size).toBe(1);
    const expensive = { ...exported, kdf: { ...exported.kdf, logN: 30 } };
    await there.fail("chains.import", "request.invalid", { token, body: { export: expensive, passphrase, app } });
    await nothingThere();
  });

  it("refuses what somebody wrote into a document of their own", async () => {
    const { token, app } = await arrive(there);
    const other = keyPair();
    const many = (c: ChainExportContent) =>
      Array.from({ length: 1_001 }, (_, at) => ({
        ...{ ...c.parts[0], deletedAt: undefined, name: `topic-${at}`, id: there.deps.ids.nextWith("top") },
      }));
    const attempts: [string, Promise<ChainExportResource>][] = [
      ["part.limit", crafted((c) => ({ ...c, parts: many(c) }))],
      [
        "export.unreadable",
        crafted((c) => ({ ...c, authorityKeys: [{ ...c.authorityKeys[0], publicKey: other.pem }] })),
      ],
      ["export.unreadable", crafted((c) => ({ ...c, placements: c.placements.map((p) => ({ ...p, addresses: [] })) }))],
      ["export.unreadable", crafted((c) => ({ ...c, placements: [...c.placements, ...c.placements] }))],
      ["export.unreadable", crafted((c) => ({ ...c, parts: c.parts.map((p) => ({ ...p, id: "../../etc" })) }))],
      ["export.unreadable", crafted((c) => ({ ...c, parts: c.parts.map((p) => ({ ...p, kind: "virus" })) }))],
      ["export.unreadable", crafted((c) => ({ ...c, material: [...c.material, ...c.material] }))],
      ["export.unreadable", crafted((c) => ({ ...c, name: "a\u0000b" }))],
      // Some hundred bytes of a document can be millions of values.
      [
        "export.unreadable",
        crafted((c) => ({ ...c, material: c.material.map((m) => ({ ...m, public: Array(mostJsonValues).fill(0) })) })),
      ],
      ["chain.settings_invalid", crafted((c) => ({ ...c, settings: { leaves: 1e6 } }))],
      ["part.settings_invalid", crafted((c) => ({ ...c, parts: c.parts.map((p) => ({ ...p, settings: { no: 1 } })) }))],
      [
        "plan.unknown",
        crafted(
          (c) => c,
          (clear) => ({ ...clear, plan: "free" }),
        ),
      ],
      [
        "framework.unknown",
        crafted(
          (c) => c,
          (clear) => ({ ...clear, framework: "none" }),
        ),
      ],
      [
        "request.invalid",
        crafted(
          (c) => c,
          (clear) => ({ ...clear, version: "9.9.9" }),
        ),
      ],
      [
        "chain.not_restorable",
        crafted(
          (c) => c,
          (clear) => ({ ...clear, backup: { ...clear.backup, version: "0.1.0" } }),
        ),
      ],
    ];
    for (const [code, document] of attempts) {
      const request = { token, body: { export: await document, passphrase, app } };
      await there.fail("chains.import", code as "export.unreadable", request);
    }
    await nothingThere();
  });

  it("413 for a body that is larger than this route takes, which it says", async () => {
    const { token, app } = await arrive(there);
    const body = { export: { ...exported, sealed: "A".repeat(8_448 * 1_024) }, passphrase, app };
    const { detail } = await there.fail("chains.import", "request.too_large", { token, body });
    expect(detail).toBe("The body is larger than 8448 KiB.");
    const large = { token, body: { name: "x".repeat(300_000) } };
    const { detail: elsewhere } = await there.fail("apps.create", "request.too_large", large);
    expect(elsewhere).toBe("The body is larger than 256 KiB.");
  });

  it("413 for a body of more values than anybody means", async () => {
    const { token, app } = await arrive(there);
    const crowded = { ...exported, regions: Array(mostJsonValues).fill(0) };
    const body = { export: crowded as never, passphrase, app };
    await there.fail("chains.import", "request.too_large", { token, body });
  });

  it("404 for another's app, 400 for regions that are none, 403 beyond the quota and by policy; nothing is left", async () => {
    const mine = await arrive(there);
    const { system } = there.deps.clients;
    const request = (change: object) => ({
      token: mine.token,
      body: { export: exported, passphrase, app: mine.app, ...change },
    });
    const theirs = await arrive(there);
    await there.fail("chains.import", "resource.not_found", request({ app: theirs.app }));
    await there.fail("chains.import", "region.unknown", request({ regions: { local: "mars" } }));
    await there.fail("chains.import", "request.invalid", request({ regions: { mars: "local" } }));
    await system.tenant.update({ where: { id: mine.tenantId }, data: { quotas: { chains: 0 } } });
    await there.fail("chains.import", "quota.exceeded", request({}));
    const portal = await system.portal.findFirstOrThrow({ where: { slug: "global" } });
    const policy = portal.policy as { rules: object[] };
    const rule = { id: "test.no-fakes", when: { stage: { equals: "quote" }, framework: { equals: "fake" } } };
    const rules = [{ ...rule, verdict: "deny", reason: "No fakes here." }, ...policy.rules];
    await system.portal.update({ where: { id: portal.id }, data: { policy: { ...policy, rules } } });
    await system.tenant.update({ where: { id: mine.tenantId }, data: { quotas: {} } });
    expect((await there.fail("chains.import", "policy.denied", request({}))).detail).toContain("No fakes here.");
    await system.portal.update({ where: { id: portal.id }, data: { policy } });
    await nothingThere();
  });

  it("409 where it is already, whoever asks", async () => {
    const same = await arrive(here, owner);
    const problem = await here.fail("chains.import", "chain.exists", {
      ...{ token: same.token, body: { export: exported, passphrase, app: same.app } },
    });
    expect(problem.hint).toContain("another plane");
    const stranger = await arrive(here);
    await here.fail("chains.import", "chain.exists", {
      ...{ token: stranger.token, body: { export: exported, passphrase, app: stranger.app } },
    });
  });

  it("202: the chain with its ids, addresses, parts and keys, sealed for this plane's tenant; once by one key", async () => {
    const { token, app, tenantId } = await arrive(there);
    const { system } = there.deps.clients;
    // An address that no node of today has is not taken over.
    const document = await crafted((c) => ({
      ...c,
      placements: c.placements.map((placement) => ({
        ...placement,
        addresses: [...placement.addresses, { node: "leaf-9", port: "status", host: "10.0.0.1", number: 5432 }],
      })),
    }));
    const request = {
      token,
      body: { export: document, passphrase, app, name: "moved" },
      headers: { "idempotency-key": "import-1" },
    };
    const response = await there.send("chains.import", request);
    expect(response.statusCode, response.body).toBe(202);
    const operation = response.json();
    expect(operation).toMatchObject({
      kind: "chain.import",
      state: "queued",
      target: { type: "chain", id: made.chain },
    });
    expect((await there.send("chains.import", request)).headers["idempotency-replayed"]).toBe("true");
    expect(there.wakes.at(-1)).toContain(made.chain);

    const chain = await there.call("chains.get", { token, params: made.params });
    expect(chain).toMatchObject({ id: made.chain, appId: app, name: "moved", framework: "fake", regions: ["local"] });
    const row = await system.chain.findUniqueOrThrow({ where: { id: made.chain } });
    expect(row).toMatchObject({
      restoreBackupId: made.backup,
      originSerial: made.serial,
      hasRun: false,
      wish: "running",
    });
    expect(row.nextAt).not.toBeNull();
    const placements = await system.placement.findMany({ where: { chainId: made.chain } });
    expect(placements.map(({ id, addresses }) => [id, addresses])).toEqual([[made.placement, made.addresses]]);
    const parts = await system.part.findMany({ where: { chainId: made.chain }, orderBy: { id: "asc" } });
    expect(parts.map(({ id, generation, observedGeneration }) => [id, generation, observedGeneration])).toEqual([
      [made.topics[0], 1, 1],
      // Deleted since the backup: its data still has it.
      [made.topics[1], 2, 1],
    ]);
    const owned = { tenantId, chainId: made.chain };
    const materials = await system.material.findMany({
      where: owned,
      omit: { sealed: false },
      orderBy: { version: "asc" },
    });
    for (const { name, version, sealed } of materials.filter((item) => item.name === "key")) {
      const context = materialContext(owned, name, version);
      expect(String(await there.deps.custody.open(sealed ?? new Uint8Array(), context))).toBe(`${secret} ${version}`);
      await expect(here.deps.custody.open(sealed ?? new Uint8Array(), context)).rejects.toThrow();
    }
    expect(materials).toHaveLength(3);
    const key = await system.authorityKey.findFirstOrThrow({ where: owned, omit: { sealed: false } });
    expect(await there.deps.custody.open(key.sealed, authorityContext(owned, "authority/a", "ed25519"))).toEqual(
      pair.der,
    );
    const { items } = await there.call("backups.list", { token, params: made.params });
    expect(items).toEqual([expect.objectContaining({ id: made.backup, state: "ready", sizeBytes: "5" })]);
    expect((await there.call("keys.list", { token, params: { app } })).items).toEqual([]);
    const audit = await system.auditEvent.findFirstOrThrow({ where: { tenantId, action: "chain.import" } });
    expect(audit).toMatchObject({ targetId: made.chain, detail: { operationId: operation.id, backupId: made.backup } });
    const records = JSON.stringify(await system.idempotencyRecord.findMany());
    for (const word of [passphrase, document.sealed]) expect(records).not.toContain(word);

    const again = await arrive(there);
    await there.fail("chains.import", "chain.exists", {
      ...{ token: again.token, body: { export: exported, passphrase, app: again.app } },
    });
    const cancel = { token, params: { operation: operation.id }, body: {} };
    await there.fail("operations.cancel", "operation.not_cancellable", cancel);
    await there.fail("chains.get", "resource.not_found", { token: again.token, params: made.params });
  });
});

describe("the pass phrase", () => {
  it("can't be guessed at without end", async () => {
    const strict = await startApi({
      frameworks: [testNetwork],
      limits: { signInPerEmail: { points: 2, seconds: 60 } },
    });
    const { token, app } = await arrive(strict);
    const request = { token, body: { export: exported, passphrase: `${passphrase}?`, app } };
    for (const _ of [1, 2]) await strict.fail("chains.import", "export.unreadable", request);
    const response = await strict.send("chains.import", request);
    expect([response.statusCode, Number(response.headers["retry-after"]) > 0]).toEqual([429, true]);
  });

  it("can't be guessed at with ever more credentials of one tenant", async () => {
    const strict = await startApi({
      frameworks: [testNetwork],
      limits: { passphrasePerTenant: { points: 2, seconds: 60 } },
    });
    const { token, app } = await arrive(strict);
    const body = { export: exported, passphrase: `${passphrase}?`, app };
    const tokens = [token];
    for (const name of ["a", "b"]) {
      const { secret } = await strict.call("serviceAccounts.create", { token, body: { name, role: "developer" } });
      tokens.push(secret ?? "");
    }
    const statuses: number[] = [];
    for (const each of tokens) statuses.push((await strict.send("chains.import", { token: each, body })).statusCode);
    expect(statuses).toEqual([422, 422, 429]);
  });
});
