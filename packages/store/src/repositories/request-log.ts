import type { StoreTransaction } from "../clients/create-clients.ts";
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
