import { findFramework } from "@portolan/frameworks";
import { expect, test } from "vitest";
import { processPlane, programsOf } from "./support/process-plane.ts";
import { settleSlowly } from "./support/settle.ts";
import { changeChain, lastOperation, wishChain } from "./support/wishes.ts";

const built = ["besu", "octez"].map((slug) => {
  const framework = findFramework(slug);
  if (framework === undefined) throw new Error(`no framework ${slug}`);
  return framework;
});
const plane = await processPlane(built);

// The plane here looks into a directory of its own, whatever this machine has.
test.each([
  ["besu", "Besu's distributions are at"],
  ["octez", "programs install octez@25.1 --from DIRECTORY"],
])(
  "%s: a chain whose program can't be had says so, with where to get it, and goes when it is deleted",
  async (slug, hint) => {
    const framework = built.find((one) => one.slug === slug);
    const version = framework?.versions.find(({ isDefault }) => isDefault)?.version ?? "";
    const chain = await wishChain(plane, { framework: slug, version, plan: "dev" });
    const worker = plane.worker();
    await settleSlowly(plane, worker, async () => (await lastOperation(plane, chain)).state === "needsAttention");
    expect(await lastOperation(plane, chain)).toMatchObject({
      error: { code: "framework.program_missing", hint: expect.stringContaining(hint) },
    });
    const { conditions } = await plane.client.chain.findUniqueOrThrow({ where: { id: chain.id } });
    expect(conditions).toContainEqual(
      expect.objectContaining({
        ...{ type: "nodesReady", status: "false", reason: "program_missing" },
        hint: expect.stringContaining(hint),
      }),
    );
    await changeChain(plane, chain, { kind: "chain.delete", wish: "deleted" });
    const isPurged = async () =>
      (await plane.client.chain.findUniqueOrThrow({ where: { id: chain.id } })).phase === "purged";
    await settleSlowly(plane, worker, isPurged);
    expect(programsOf(plane.home, chain)).toEqual([]);
  },
  120_000,
);
