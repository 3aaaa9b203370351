import { request } from "node:http";
import { z } from "zod";

const relayStatus = z.object({
  problem: z
    .object({ code: z.enum(["address.forbidden", "chaincode.unreachable"]), message: z.string().max(300) })
    .nullable(),
});

export type RelayStatus = z.output<typeof relayStatus>;

const maxBytes = 16_384;
const timeoutMs = 2_000;

/** What the node in place of a customer's chaincode server says of the way to it. Undefined: it says nothing. */
export const askRelay = (
  target: { host: string; port: number },
  signal: AbortSignal,
): Promise<RelayStatus | undefined> =>
  new Promise((resolve) => {
    const options = { host: target.host, port: target.port, path: "/status", agent: false as const };
    const outgoing = request(
      { ...options, signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
          if (text.length > maxBytes) outgoing.destroy();
        });
        answer.on("error", () => resolve(undefined));
        answer.on("end", () => {
          try {
            resolve(relayStatus.parse(JSON.parse(text)));
          } catch {
            resolve(undefined);
          }
        });
      },
    );
    outgoing.on("error", () => resolve(undefined));
    outgoing.on("close", () => resolve(undefined));
    outgoing.end();
  });
