import type { ChainExportContent, OperationResource } from "@portolan/contract";
import { authorityContext, materialContext } from "@portolan/custody";
import { DomainError, type JsonValue } from "@portolan/domain";
import {
  appRepository,
  type ChainBelongings,
  chainExportRepository,
  decisionRepository,
  operationRepository,
  type StoreTransaction,
} from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { actorOf, type Changes, type Outcome } from "../../http/change.ts";
import type { Handler, HandlerRequest } from "../../http/handler.ts";
import { demandActiveApp } from "../apps/demand-active.ts";
import { demandCopies } from "../backups/demand-copies.ts";
import { appraise, countryOf, demandQuotaOfWritten } from "../chains/appraise.ts";
import { takeClaims } from "../chains/claims.ts";
import { demandAllowed, keepingDenials } from "../chains/create.ts";
import { operationLocation, presentOperation } from "../operations/present.ts";
import { type ReviewedImport, reviewImport } from "./review-import.ts";
import type { ExportSealer } from "./seal-content.ts";

type ImportRequest = HandlerRequest<"chains.import">;
type Sealed = Pick<ChainBelongings, "materials" | "authorityKeys">;

const toDate = (text: string | undefined): Date | null => (text === undefined ? null : new Date(text));

/** Every secret sealed for the tenant that has the chain from now on, with this plane's key. */
const sealAll = async (
  { custody }: Pick<ApiDeps, "custody">,
  owner: { tenantId: string; chainId: string },
  content: ChainExportContent,
): Promise<Sealed> => {
  const seal = async (text: string, context: ReturnType<typeof materialContext>): Promise<Uint8Array> => {
    const plain = Buffer.from(text, "base64");
    try {
      return await custody.seal(plain, context);
    } finally {
      plain.fill(0);
    }
  };
  const materials: Sealed["materials"][number][] = [];
  for (const { secret, expiresAt, renewAt, createdAt, ...item } of content.material) {
    const context = materialContext(owner, item.name, item.version);
    materials.push({
      ...item,
      public: item.public as JsonValue,
      sealed: secret === undefined ? null : await seal(secret, context),
      ...{ expiresAt: toDate(expiresAt), renewAt: toDate(renewAt), createdAt: new Date(createdAt) },
    });
  }
  const authorityKeys: Sealed["authorityKeys"][number][] = [];
  for (const { privateKey, ...key } of content.authorityKeys) {
    const sealed = await seal(privateKey, authorityContext(owner, key.ref, key.algorithm));
    authorityKeys.push({ ...key, sealed });
  }
  return { materials, authorityKeys };
};

const exists = (): DomainError =>
  new DomainError({
    code: "chain.exists",
    message: "This plane has, or had, the chain already: two that are the same would sign for each other.",
    hint: "Restore the backup into it (POST …/restore), or import it on another plane.",
  });

const writeImport = async (
  deps: ApiDeps,
  transaction: StoreTransaction,
  { principal, caller, body }: ImportRequest,
  input: { review: ReviewedImport; sealed: Sealed; serial: string; country: string | undefined },
): Promise<Outcome<OperationResource>> => {
  const { review, sealed, country } = input;
  const { reviewed, parts, placements } = review;
  const { tenantId } = principal;
  const { export: document, app: appId } = body;
  const { chainId, backup } = document;
  const now = deps.clock.now();
  demandActiveApp(await appRepository.hold(transaction, tenantId, appId));
  const appraisal = await appraise(deps, transaction, { principal, country, requestId: caller.requestId, reviewed });
  demandAllowed(appraisal);
  await demandCopies(transaction, reviewed.spec.regions);
  const { nodeCount, storageBytes, decisions } = appraisal;
  await decisionRepository.insert(transaction, decisions);
  const { name, framework, version, plan, regions, settings } = reviewed.spec;
  const operationId = deps.ids.next("operation");
  const regionOf = new Map(placements.map(({ id, region }) => [id, region]));
  const isNew = await chainExportRepository.insert(
    transaction,
    {
      ...{ ...sealed, parts, placements },
      chain: {
        ...{ id: chainId, tenantId, appId, name, framework, version, plan, hosting: review.hosting },
        ...{ regions: [...regions], settings, nodeCount, storageBytes, originSerial: BigInt(input.serial) },
      },
      backup: {
        ...{ id: backup.id, operationId, version: backup.version, takenAt: new Date(backup.takenAt) },
        nodes: reviewed.framework.topology(reviewed.spec).map((node) => node.name),
        copies: backup.copies.map((copy) => ({ ...copy, region: regionOf.get(copy.placementId) ?? copy.region })),
      },
    },
    deps.ids.nextWith,
    now,
  );
  if (!isNew) throw exists();
  await takeClaims(transaction, { tenantId, chainId, reviewed });
  const actor = actorOf(principal);
  const operation = await operationRepository.insert(transaction, {
    ...{ id: operationId, tenantId, appId, kind: "chain.import", targetId: chainId, generation: 1, createdAt: now },
    // What can't be brought to life leaves nothing.
    former: { wish: "purged", deletedAt: null, purgeAt: null, backupId: backup.id },
    ...{ actorType: actor.type, actorId: actor.id },
  });
  if (operation === null) throw exists();
  await demandQuotaOfWritten(transaction, { tenantId, appId, nodeCount, storageBytes });
  return {
    body: presentOperation(operation),
    headers: { location: operationLocation(operation.id) },
    audit: {
      tenantId,
      actor,
      action: "chain.import",
      target: { type: "chain", id: chainId },
      detail: { appId, name, framework, version, plan, regions, operationId, backupId: backup.id },
    },
  };
};

/** POST /v1/chains/import: chain, placements, parts, keys, backup, operation and audit row in one transaction. */
export const importChain =
  (deps: ApiDeps, changes: Changes, sealer: ExportSealer): Handler<"chains.import"> =>
  async (request) => {
    const { principal, caller, body } = request;
    const { passphrase, ...rest } = body;
    const { tenantId } = principal;
    // With the role system: the app's has no right to write keys. Everything in it is of the principal's tenant.
    const change = { scope: `${tenantId}/${principal.id}`, caller, body: rest };
    await sealer.admit({ address: caller.address, tenantId, principalId: principal.id });
    const replay = await changes.replayed(change);
    if (replay !== null) return replay as { body: OperationResource };
    const content = await sealer.open(passphrase, body.export);
    const review = reviewImport(deps, body, content);
    const country = await countryOf(deps, principal);
    const sealed = await sealAll(deps, { tenantId, chainId: body.export.chainId }, content);
    const input = { review, sealed, serial: content.serial, country };
    const answer = await keepingDenials(deps, () =>
      changes.asSystem(change, (transaction) => writeImport(deps, transaction, request, input)),
    );
    void deps.jobs.wake("chain.coordinate", { chainId: body.export.chainId });
    return answer;
  };
