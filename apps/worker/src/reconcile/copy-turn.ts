import type { BackupCopy, OperationError } from "@portolan/domain";
import type { BackupChange, ChainWork, RestoreChange } from "@portolan/store";

/** What the chain's nodes are stopped for, and how far it is: the same for every region at a time. */
export interface Copying {
  kind: "backup" | "restore";
  backupId: string;
  stage: "stop" | "snapshot" | "verify" | "restore";
  /** Placement → its copy, for what is put back. */
  copies: ReadonlyMap<string, Pick<BackupCopy, "digest" | "sizeBytes">>;
  /** What comes from another plane has to stand where its certificates and configuration say. */
  keepsAddresses: boolean;
}

/** What the pass does about the chain's data before anything else. */
export interface CopyTurn {
  /** As the rest of the pass is to see it. */
  work: ChainWork;
  /** Null: nothing (more) is to be copied; what is wished is ordered in this very pass. */
  copying: Copying | null;
  backup: BackupChange | null;
  restore: RestoreChange | null;
  /** Why the copy was given up; the operation ends with it. */
  error: OperationError | null;
}
