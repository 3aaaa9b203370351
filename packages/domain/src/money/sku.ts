/** What is sold, by name. A bill line has no dimensions, so what a price depends on is part of the name. */
export const computeSku = "rpc.compute";
/** Calls that the gateway answered by itself: counted, and free. */
export const syntheticSku = "rpc.synthetic";
export const storageSku = "storage.standard";
/** Copies of chains' data in a backup store, in the same unit. */
export const backupSku = "backup.storage";
/** Transactions, where a framework sells them one by one and not by the weight of calls. */
export const submittedSku = "transaction.submitted";
export const evaluatedSku = "transaction.evaluated";
/** Bytes of messages that the gateway carried, both ways. */
export const transferSku = "transfer.bytes";
/** A node that callers from outside its region can reach, while it runs: its share of the region's entry. */
export const outsideSku = "outside.node";

/** Integer base units that quantities are counted in. */
export const skuUnits = ["dCU", "node-second", "MiB-hour", "transaction", "byte"] as const;
export type SkuUnit = (typeof skuUnits)[number];

/** `node.anvil.dev.node`: one node of a role, in a plan of a framework, for a time. */
export const nodeSku = (framework: string, plan: string, role: string): string => `node.${framework}.${plan}.${role}`;

/** Storage is counted in whole MiB, rounded up, per whole hour. */
export const toMebibytes = (bytes: bigint): bigint => (bytes + 1_048_575n) / 1_048_576n;
