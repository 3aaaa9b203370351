import { authorityContext } from "@portolan/custody";
import type { BackupCopy, JsonObject } from "@portolan/domain";
import { chainExportRepository, inTransaction, operationRepository } from "@portolan/store";
import type { FakePlane } from "./fake-plane.ts";
import type { TestChain } from "./wishes.ts";

type Carried = Awaited<ReturnType<typeof pack>>;

const load = (plane: FakePlane, chain: TestChain) =>
  inTransaction(plane.client, (transaction) => chainExportRepository.load(transaction, chain.tenantId, chain.id));

/** What an export has, opened. */
export const pack = async (plane: FakePlane, chain: TestChain, backupId: string) => {
  const { materials, authorityKeys, ...rest } = await load(plane, chain);
  const open = (sealed: Uint8Array, purpose: string, version: number) =>
    plane.custody.open(sealed, { tenantId: chain.tenantId, chainId: chain.id, purpose, version });
  return {
    ...rest,
    row: await plane.client.chain.findUniqueOrThrow({ where: { id: chain.id } }),
    backup: await plane.client.backup.findUniqueOrThrow({ where: { id: backupId } }),
    materials: await Promise.all(
      materials.map(async ({ sealed, ...item }) => ({
        ...item,
        secret: sealed === null ? null : await open(sealed, `material/${item.name}`, item.version),
      })),
    ),
    authorityKeys: await Promise.all(
      authorityKeys.map(async ({ sealed, ...key }) => ({
        ...key,
        secret: await open(
          sealed,
          authorityContext({ tenantId: chain.tenantId, chainId: chain.id }, key.ref, key.algorithm).purpose,
          1,
        ),
      })),
    ),
  };
};

/** Writes it for another tenant, as `POST /v1/chains/import` does. Answers the chain as it is there. */
export const unpack = async (
  plane: FakePlane,
  carried: Carried,
  change: { regions?: { [from: string]: string } } = {},
): Promise<TestChain> => {
  const { client, clock, ids, custody } = plane;
  const tenantId = ids.next("tenant");
  const { id, name, framework, version, plan, hosting, settings, serial } = carried.row;
  const to = (region: string): string => change.regions?.[region] ?? region;
  const seal = (secret: Uint8Array, purpose: string, at: number) =>
    custody.seal(secret, { tenantId, chainId: id, purpose, version: at });
  const materials = await Promise.all(
    carried.materials.map(async ({ secret, ...item }) => ({
      ...item,
      sealed: secret === null ? null : await seal(secret, `material/${item.name}`, item.version),
    })),
  );
  const authorityKeys = await Promise.all(
    carried.authorityKeys.map(async ({ secret, ...key }) => {
      const { purpose } = authorityContext({ tenantId, chainId: id }, key.ref, key.algorithm);
      return { ...key, sealed: await seal(secret, purpose, 1) };
    }),
  );
  const placements = carried.placements.map((placement) => ({ ...placement, region: to(placement.region) }));
  const copies = (carried.backup.copies as unknown as BackupCopy[]).map((copy) => ({
    ...copy,
    region: to(copy.region),
  }));
  const operationId = ids.next("operation");
  const now = clock.now();
  await inTransaction(client, async (transaction) => {
    const isNew = await chainExportRepository.insert(
      transaction,
      {
        ...{ parts: carried.parts, placements, materials, authorityKeys },
        chain: {
          ...{ id, tenantId, appId: "app_test", name, framework, version, plan, hosting, nodeCount: 1 },
          ...{ regions: carried.row.regions.map(to), settings: settings as JsonObject, storageBytes: 1n },
          originSerial: serial,
        },
        backup: {
          ...{ id: carried.backup.id, operationId, version, nodes: [], copies, takenAt: carried.backup.createdAt },
        },
      },
      (prefix) => ids.nextWith(prefix),
      now,
    );
    if (!isNew) throw new Error("the chain is there already");
    await operationRepository.insert(transaction, {
      ...{ id: operationId, tenantId, appId: "app_test", kind: "chain.import", targetId: id, generation: 1 },
      former: { wish: "purged", deletedAt: null, purgeAt: null, backupId: carried.backup.id },
      ...{ actorType: "user", actorId: "usr_test", createdAt: now },
    });
  });
  return { id, tenantId, placements: new Map(placements.map((placement) => [placement.region, placement.id])) };
};
