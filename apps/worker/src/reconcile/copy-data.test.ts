import type { PlacementClaim } from "@portolan/contract";
import { type NodeAddress, systemClock, type WorkOrder } from "@portolan/domain";
import type { Runtime, WishedAddress } from "@portolan/runtimes";
import { expect, test } from "vitest";
import { createDataCopier } from "./copy-data.ts";

const at = (host: string): NodeAddress => ({
  ...{ node: "node-0", port: "rpc", host, number: 20_001, bindHost: host, bindNumber: 20_001 },
});
const ref = { placementId: "plc_1", chainId: "chn_1", tenantId: "ten_1", region: "east" };
const chain = { chainId: "chn_1", framework: "fake", version: "1", settings: {} };

/** `verify` in a region whose runtime gives its node this address, whatever is wished. */
const verify = async (given: NodeAddress, keepsAddresses: boolean) => {
  const calls: string[] = [];
  const asked: (readonly WishedAddress[] | undefined)[] = [];
  const runtime = {
    stop: async () => void calls.push("stop"),
    reserve: async (_ref: unknown, _nodes: unknown, _fence: unknown, wished?: readonly WishedAddress[]) => {
      asked.push(wished);
      return [given];
    },
    stage: async () => void calls.push("stage"),
  } as unknown as Runtime;
  const centre = {
    reportAddresses: async () => {
      calls.push("report");
      return { fenced: false } as const;
    },
  };
  const backups = { kind: "directory", path: "/nowhere" } as const;
  const order: WorkOrder = {
    ...{ generation: 1, action: "verify", nodes: [], steps: [], chain },
    backup: { id: "bkp_1", digest: "d", ...(keepsAddresses ? { keepsAddresses } : {}) },
  };
  const claim = {
    ...ref,
    fence: 1n,
    addresses: [at("127.0.0.1")],
    stepResults: [],
    order,
  } as unknown as PlacementClaim;
  const copy = createDataCopier({ centre, backups, clock: systemClock });
  const outcome = await copy(claim, order, runtime, ref).catch((error: unknown) => error);
  return { calls, asked, outcome };
};

test("a chain that comes from elsewhere is not laid where its addresses can't be had", async () => {
  const { calls, asked, outcome } = await verify(at("node-0.chain.svc"), true);
  expect(outcome).toMatchObject({ code: "address.taken", retryable: false, hint: expect.any(String) });
  expect(asked).toEqual([[at("127.0.0.1")]]);
  expect(calls).toEqual(["stop"]);
});

test("it is where they can; and a chain of this plane whose machine was lost may get others, which are told", async () => {
  expect((await verify(at("127.0.0.1"), true)).calls).toEqual(["stop", "stage"]);
  const { calls, asked } = await verify(at("127.0.0.2"), false);
  expect(asked).toEqual([undefined]);
  expect(calls).toEqual(["stop", "report", "stage"]);
});
