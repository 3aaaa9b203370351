import { DomainError } from "@portolan/domain";
import { type BackupRow, backupRepository, type StoreTransaction } from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { notFound } from "../../http/invalid-request.ts";
import type { LockedChain } from "../chains/guards.ts";

const notReady: { readonly [state: string]: readonly [message: string, hint: string] } = {
  failed: ["The backup failed: there is nothing in it.", "Restore another backup."],
  deleted: ["The backup is deleted.", "Restore another backup."],
};

/** A backup that this chain can have back. Throws what stands in the way; another tenant's is not found. */
export const demandBackup = async (
  { frameworks }: Pick<ApiDeps, "frameworks">,
  transaction: StoreTransaction,
  chain: LockedChain,
  id: string,
): Promise<BackupRow> => {
  const backup = await backupRepository.byId(transaction, chain.tenantId, id);
  if (backup === null) throw notFound("backup");
  if (backup.chainId !== chain.id) {
    throw new DomainError({
      code: "chain.not_restorable",
      message: "The backup is of another chain, whose keys its data is bound to.",
      hint: "GET /v1/chains/{chain}/backups lists those of this one.",
    });
  }
  if (backup.state !== "ready") {
    const [message, hint] = notReady[backup.state] ?? ["The backup is still being taken.", "Wait for its operation."];
    throw new DomainError({ code: "backup.not_ready", message, hint });
  }
  const versions = frameworks.find(backup.framework)?.versions ?? [];
  const isReadable =
    backup.version === chain.version ||
    versions.find(({ version }) => version === backup.version)?.upgradesTo.includes(chain.version) === true;
  if (backup.framework === chain.framework && isReadable) return backup;
  throw new DomainError({
    code: "chain.not_restorable",
    message: `The backup is of ${backup.framework} ${backup.version}; the chain is now of ${chain.version}.`,
    hint: "Restore a backup of the chain's present version.",
  });
};
