import { expect, it } from "vitest";
import { createPartKeys } from "./part-keys.ts";

it("keeps other chains' keys when one chain asks for any number of names", async () => {
  const asked: string[] = [];
  const keys = createPartKeys({
    port: {
      partKey: async ({ chainId, name }) => {
        asked.push(`${chainId} ${name}`);
        return { kind: "refused", reason: "unknown" };
      },
    },
    region: "local",
    now: () => 0,
  });
  const get = (chainId: string, name: string) => expect(keys.get(chainId, "identity", name)).rejects.toThrow();
  await get("chn_1", "alice");
  for (let index = 0; index < 2_000; index++) await get("chn_2", `nobody-${index}`);
  asked.length = 0;
  await get("chn_1", "alice");
  await get("chn_2", "nobody-1999");
  expect(asked).toEqual([]);
  // The oldest of the chain that asks for many are not kept.
  await get("chn_2", "nobody-0");
  expect(asked).toEqual(["chn_2 nobody-0"]);
});
