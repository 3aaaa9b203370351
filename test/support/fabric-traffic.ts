import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { StatusCode } from "@hyperledger/fabric-gateway";
import type { OpenFabric } from "./fabric.ts";

export interface FabricTraffic {
  /** Ids of assets whose creation was acknowledged as committed. */
  committed(): readonly string[];
  /** Milliseconds of the longest time without an acknowledgement since the last call. */
  longestGapMs(): number;
  /** What the client was told when something did not succeed → how often. */
  refusals(): ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

const inShort = (error: unknown): string => {
  const details = (error as { details?: { message?: string }[] }).details;
  const text = error instanceof Error ? error.message : String(error);
  return `${text}${details?.[0]?.message === undefined ? "" : ` (${details[0].message})`}`.slice(0, 160);
};

const nameOf = (code: number): string =>
  Object.entries(StatusCode).find(([, value]) => value === code)?.[0] ?? String(code);

/**
 * An application that makes an asset every `everyMs`, whether those before have come through or not, each tried again
 * under its own id until it is committed. What it has been told to be committed it remembers.
 */
export const startTraffic = (
  clients: readonly OpenFabric[],
  { channel, chaincode, everyMs }: { channel: string; chaincode: string; everyMs: number },
): FabricTraffic => {
  const committed: string[] = [];
  const refused = new Map<string, number>();
  const run = randomBytes(3).toString("hex");
  let isOver = false;
  let lastAt = performance.now();
  let longestMs = 0;
  let open = 0;

  const note = (what: string): void => {
    refused.set(what, (refused.get(what) ?? 0) + 1);
  };

  const acknowledge = (id: string): void => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - lastAt);
    lastAt = now;
    committed.push(id);
  };

  /** True once it needs no further try. */
  const attempt = async (client: OpenFabric, id: string): Promise<boolean> => {
    try {
      const submitted = await client
        .contract(channel, chaincode)
        .submitAsync("create", { arguments: [id, "car", "1"] });
      const status = await submitted.getStatus();
      if (status.successful) acknowledge(id);
      else note(nameOf(status.code));
      // An earlier try of the same may have come through unheard.
      return status.successful;
    } catch (error) {
      const text = inShort(error);
      // An earlier try came through and its answer was lost: never acknowledged, so nothing is claimed of it.
      if (text.includes("already")) return true;
      note(text);
      return false;
    }
  };

  const one = async (id: string, number: number): Promise<void> => {
    open += 1;
    try {
      for (let turn = number; !isOver; turn++) {
        const client = clients[turn % clients.length];
        if (client === undefined || (await attempt(client, id))) return;
        await sleep(250);
      }
    } finally {
      open -= 1;
    }
  };

  const all = (async () => {
    const running: Promise<void>[] = [];
    for (let number = 0; !isOver; number++) {
      // A bound, so that an outage does not pile up calls without end.
      if (open < 200) running.push(one(`${run}-${number}`, number));
      await sleep(everyMs);
    }
    await Promise.all(running);
  })();

  return {
    committed: () => committed,
    longestGapMs: () => {
      const longest = Math.max(longestMs, performance.now() - lastAt);
      longestMs = 0;
      return Math.round(longest);
    },
    refusals: () => refused,
    stop: async () => {
      isOver = true;
      await all;
    },
  };
};
