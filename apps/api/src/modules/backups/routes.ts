import type { BackupResource } from "@portolan/contract";
import { type BackupState, backupStates, DomainError, mostBackups, type OperationError } from "@portolan/domain";
import {
  appRepository,
  type BackupRow,
  backupRepository,
  chainRepository,
  chainWishes,
  partRepository,
  type StoreTransaction,
  toChainSpec,
  withTenant,
} from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { actorOf, type Changes } from "../../http/change.ts";
import type { Handlers } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import { presentPage, toPageRequestOf } from "../../http/page-token.ts";
import { demandActiveApp } from "../apps/demand-active.ts";
import { gone, isGone, type LockedChain, wrongPhase } from "../chains/guards.ts";
import { createWishStarter } from "../chains/start-wish.ts";
import { demandCopies } from "./demand-copies.ts";

type BackupHandlers = Pick<Handlers, "backups.create" | "backups.list" | "backups.get" | "backups.delete">;

const toState = (text: string): BackupState => backupStates.find((state) => state === text) ?? "failed";

const present = (row: BackupRow): BackupResource => {
  const error = row.error as unknown as OperationError | null;
  return {
    id: row.id,
    chainId: row.chainId,
    state: toState(row.state),
    operationId: row.operationId,
    framework: row.framework,
    version: row.version,
    nodes: row.nodes as string[],
    sizeBytes: row.sizeBytes.toString(),
    store: "directory",
    ...(error === null ? {} : { error }),
    createdAt: row.createdAt.toISOString(),
    ...(row.endedAt === null ? {} : { endedAt: row.endedAt.toISOString() }),
  };
};

const inUse = (message: string, hint: string): DomainError =>
  new DomainError({ code: "chain.busy", message, hint, retryable: true });

export const backupHandlers = (deps: ApiDeps, changes: Changes): BackupHandlers => {
  const { clients, clock, ids, frameworks } = deps;
  const { change, demandFree, start } = createWishStarter(deps, changes);

  const demandSupport = async (transaction: StoreTransaction, chain: LockedChain): Promise<void> => {
    if (frameworks.find(chain.framework)?.backup === undefined) {
      throw new DomainError({
        code: "backup.unsupported",
        message: `Chains of ${chain.framework} can't be backed up.`,
      });
    }
    await demandCopies(transaction, chain.regions);
  };

  const nodesOf = async (transaction: StoreTransaction, chain: LockedChain): Promise<string[]> => {
    const framework = frameworks.find(chain.framework);
    if (framework === undefined)
      throw new DomainError({ code: "framework.unknown", message: "The chain's framework is not offered any more." });
    const parts = await partRepository.ofChain(transaction, chain.tenantId, chain.id);
    return framework.topology(toChainSpec(chain, parts)).map(({ name }) => name);
  };

  const load = async (transaction: StoreTransaction, tenantId: string, id: string): Promise<BackupRow> => {
    const row = await backupRepository.byId(transaction, tenantId, id);
    if (row === null) throw notFound("backup");
    return row;
  };

  return {
    "backups.create": ({ principal, caller, body, params }) => {
      const request = { principal, caller, body, chainId: params.chain };
      const { tenantId } = principal;
      return change(request, async (transaction, chain) => {
        const facts = frameworks.find(chain.framework)?.plans.find(({ plan }) => plan === chain.plan);
        if (isGone(chain)) throw gone(chain, facts?.recoveryWindowSeconds ?? 0);
        await demandFree(transaction, chain);
        if (!chain.hasRun) throw wrongPhase("The chain has never run.", "There is nothing to back up yet.");
        demandActiveApp(await appRepository.hold(transaction, tenantId, chain.appId));
        await demandSupport(transaction, chain);
        if (await backupRepository.isFull(transaction, tenantId, chain.id)) {
          throw new DomainError({
            code: "backup.limit",
            message: `A chain has at most ${mostBackups} backups.`,
            hint: "Delete one of them first.",
          });
        }
        const id = ids.next("backup");
        const wish = chain.wish === "paused" ? "paused" : "running";
        const outcome = await start(transaction, request, chain, {
          ...{ kind: "chain.backup", wish, detail: { backupId: id } },
        });
        await backupRepository.insert(transaction, {
          ...{ id, tenantId, chainId: chain.id, operationId: outcome.body.id, createdAt: clock.now() },
          ...{ framework: chain.framework, version: chain.version, nodes: await nodesOf(transaction, chain) },
        });
        return outcome;
      });
    },

    "backups.list": async ({ principal: { tenantId }, params, query }) => {
      const page = toPageRequestOf("bkp", query);
      const rows = await withTenant(clients.app, tenantId, async (transaction) => {
        if ((await chainRepository.byId(transaction, tenantId, params.chain)) === null) throw notFound("chain");
        return backupRepository.list(transaction, tenantId, { ...page, chainId: params.chain });
      });
      return { body: presentPage(rows, present) };
    },

    "backups.get": async ({ principal: { tenantId }, params }) => ({
      body: present(
        await withTenant(clients.app, tenantId, (transaction) => load(transaction, tenantId, params.backup)),
      ),
    }),

    "backups.delete": ({ principal, caller, params }) =>
      changes.inTenant<undefined>({ principal, caller, body: null }, async (transaction) => {
        const { tenantId } = principal;
        const { chainId } = await load(transaction, tenantId, params.backup);
        const chain = await chainWishes.lock(transaction, tenantId, chainId);
        if (chain?.restoreBackupId === params.backup)
          throw inUse("The backup is being restored.", "Delete it when its operation has ended.");
        const { id, state } = await load(transaction, tenantId, params.backup);
        if (state === "deleted") return { body: undefined, audit: null };
        if (!(await backupRepository.markDeleted(transaction, tenantId, id, clock.now())))
          throw inUse("The backup is being taken.", "Cancel its operation, or delete it when that has ended.");
        return {
          body: undefined,
          audit: {
            tenantId,
            actor: actorOf(principal),
            action: "backup.delete",
            target: { type: "backup", id },
            detail: { chainId },
          },
        };
      }),
  };
};
