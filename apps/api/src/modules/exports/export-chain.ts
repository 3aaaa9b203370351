import { type ChainExportContent, type clearPartOf, exportFormat } from "@portolan/contract";
import { authorityContext, materialContext } from "@portolan/custody";
import { type BackupCopy, DomainError, type Hosting, hostings } from "@portolan/domain";
import {
  type BackupRow,
  type ChainBelongings,
  chainExportRepository,
  chainWishes,
  inTransaction,
} from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { actorOf, type Changes } from "../../http/change.ts";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import { demandBackup } from "../backups/demand-backup.ts";
import { gone, type LockedChain } from "../chains/guards.ts";
import type { ExportSealer } from "./seal-content.ts";

type Exported = { chain: LockedChain; backup: BackupRow; belongings: ChainBelongings };

const copiesOf = ({ backup, belongings }: Exported): BackupCopy[] => {
  const copies = backup.copies as unknown as BackupCopy[];
  const isWhole = belongings.placements.every(({ id }) => copies.some(({ placementId }) => placementId === id));
  if (isWhole) return copies;
  throw new DomainError({
    code: "backup.not_ready",
    message: "The backup does not have the data of every region of the chain.",
    hint: "Take another one.",
  });
};

const toClear = (exported: Exported, now: Date): ReturnType<typeof clearPartOf> => {
  const { chain, backup } = exported;
  return {
    format: exportFormat,
    chainId: chain.id,
    framework: chain.framework,
    version: chain.version,
    plan: chain.plan,
    regions: chain.regions,
    exportedAt: now.toISOString(),
    backup: {
      id: backup.id,
      takenAt: backup.createdAt.toISOString(),
      version: backup.version,
      copies: copiesOf(exported).map(({ placementId, region, sizeBytes, files, digest }) => ({
        ...{ placementId, region, sizeBytes, files, digest },
      })),
    },
  };
};

const maybe = <Name extends string>(name: Name, date: Date | null): { [key in Name]?: string } =>
  date === null ? {} : ({ [name]: date.toISOString() } as { [key in Name]?: string });

/** Opens every secret of the chain. Where it was adopted and not sealed anew yet, they name its former tenant. */
const toContent = async (
  { custody }: Pick<ApiDeps, "custody">,
  { chain, belongings }: Exported,
): Promise<ChainExportContent> => {
  const owner = { tenantId: chain.sealedFor ?? chain.tenantId, chainId: chain.id };
  const open = async (sealed: Uint8Array, context: ReturnType<typeof materialContext>): Promise<string> => {
    const plain = await custody.open(sealed, context);
    try {
      return plain.toString("base64");
    } finally {
      plain.fill(0);
    }
  };
  const material: ChainExportContent["material"] = [];
  for (const item of belongings.materials) {
    const { name, version, kind, owner: keeper, sealed, expiresAt, renewAt, createdAt } = item;
    material.push({
      name,
      version,
      kind: kind as ChainExportContent["material"][number]["kind"],
      owner: keeper as ChainExportContent["material"][number]["owner"],
      public: item.public ?? {},
      ...(sealed === null ? {} : { secret: await open(sealed, materialContext(owner, name, version)) }),
      ...maybe("expiresAt", expiresAt),
      ...maybe("renewAt", renewAt),
      createdAt: createdAt.toISOString(),
    });
  }
  const authorityKeys: ChainExportContent["authorityKeys"] = [];
  for (const { ref, algorithm, publicKey, sealed } of belongings.authorityKeys) {
    const privateKey = await open(sealed, authorityContext(owner, ref, algorithm));
    authorityKeys.push({ ref, algorithm, publicKey, privateKey });
  }
  return {
    name: chain.name,
    hosting: hostings.find((hosting): hosting is Hosting => hosting === chain.hosting) ?? "dedicated",
    settings: chain.settings as ChainExportContent["settings"],
    serial: String(chain.originSerial ?? chain.serial),
    parts: belongings.parts.map(({ createdAt, deletedAt, ...part }) => ({
      ...part,
      createdAt: createdAt.toISOString(),
      ...maybe("deletedAt", deletedAt),
    })),
    placements: belongings.placements.map(({ id, region, addresses }) => ({
      ...{ id, region },
      addresses: addresses.map(({ node, port, host, number }) => ({ node, port, host, number })),
    })),
    material,
    authorityKeys,
  };
};

/** POST /v1/chains/{chain}/export */
export const exportChain =
  (deps: ApiDeps, changes: Changes, sealer: ExportSealer): Handler<"chains.export"> =>
  async ({ principal, caller, body, params }) => {
    const { tenantId } = principal;
    await sealer.admit({ address: caller.address, tenantId, principalId: principal.id });
    const exported = await inTransaction(
      deps.clients.system,
      async (transaction): Promise<Exported> => {
        const chain = await chainWishes.lock(transaction, tenantId, params.chain);
        if (chain === null) throw notFound("chain");
        if (chain.wish === "purged") throw gone(chain, 0);
        const backup = await demandBackup(deps, transaction, chain, body.backup);
        return { chain, backup, belongings: await chainExportRepository.load(transaction, tenantId, chain.id) };
      },
      // All of one moment: keys that are renewed meanwhile come along wholly or not at all.
      { isolationLevel: "RepeatableRead" },
    );
    const clear = toClear(exported, deps.clock.now());
    const document = await sealer.seal(body.passphrase, clear, await toContent(deps, exported));
    // Never recorded under an Idempotency-Key: nothing of a document may stay here, and each is as good as another.
    return changes.inTenant({ principal, caller: { ...caller, idempotencyKey: undefined }, body: null }, async () => ({
      body: document,
      audit: {
        tenantId,
        actor: actorOf(principal),
        action: "chain.export",
        target: { type: "chain", id: params.chain },
        detail: { backupId: body.backup },
      },
    }));
  };
