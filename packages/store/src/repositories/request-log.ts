import type { RequestLogEntry } from "@portolan/contract";
import type { StoreClient, StoreTransaction } from "../clients/create-clients.ts";
import type { RequestLog } from "../generated/client.ts";
import { type Page, type PageRequest, toPage } from "./page.ts";

export type RequestLogRow = RequestLog;

export const requestLogRepository = {
  /** The last calls of an app, newest first. */
  list: async (
    transaction: StoreTransaction,
    tenantId: string,
    input: PageRequest & { appId: string; chainId?: string | undefined },
  ): Promise<Page<RequestLogRow>> => {
    const rows = await transaction.requestLog.findMany({
      where: {
        tenantId,
        appId: input.appId,
        ...(input.chainId === undefined ? {} : { chainId: input.chainId }),
        ...(input.after === undefined ? {} : { id: { lt: BigInt(input.after) } }),
      },
      orderBy: { id: "desc" },
      take: input.size + 1,
    });
    return toPage(rows, input.size, (row) => row.id.toString());
  },
};

/** Writes what a gateway ships of its calls; role system. The log is bounded by `pruneStore`. */
export const createRequestLogWriter =
  (client: StoreClient) =>
  async (entries: readonly RequestLogEntry[]): Promise<void> => {
    await client.requestLog.createMany({ data: entries.map((entry) => ({ ...entry, at: new Date(entry.at) })) });
  };
