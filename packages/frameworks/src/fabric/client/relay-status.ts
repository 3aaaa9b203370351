import { z } from "zod";
import { exchangeJson } from "../../http-exchange.ts";

const relayStatus = z.object({
  problem: z
    .object({ code: z.enum(["address.forbidden", "chaincode.unreachable"]), message: z.string().max(300) })
    .nullable(),
});

export type RelayStatus = z.output<typeof relayStatus>;

const timeoutMs = 2_000;

/** What the node in place of a customer's chaincode server says of the way to it. Undefined: it says nothing. */
export const askRelay = async (
  { host, port }: { host: string; port: number },
  signal: AbortSignal,
): Promise<RelayStatus | undefined> => {
  try {
    return relayStatus.parse(await exchangeJson({ host, port, path: "/status", timeoutMs, signal }));
  } catch {
    return undefined;
  }
};
