import { registryContext } from "@portolan/custody";
import { encodeRegistryLogin, type WorkOrder } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import { chainWishes, inTransaction, registryCredentialRepository } from "@portolan/store";
import { createFakeFramework, createFakeMachines, createFakeRuntime, seededClock } from "@portolan/testing";
import { expect, test } from "vitest";
import { testPlane } from "./support/plane.ts";
import { runFor, settle } from "./support/settle.ts";
import { type TestChain, wishChain } from "./support/wishes.ts";

const image = `ghcr.io/acme/leaf@sha256:${"0".repeat(64)}`;

/** Leaves are of the tenant's own image. */
const withGuests = (framework: Framework): Framework => ({
  ...framework,
  blueprint: (...input) =>
    Object.fromEntries(
      Object.entries(framework.blueprint(...input)).map(([region, blueprint]) => [
        region,
        {
          ...blueprint,
          nodes: blueprint.nodes.map((node) =>
            node.role === "leaf"
              ? {
                  ...node,
                  isTenantCode: true as const,
                  processes: node.processes.map((one) => ({ ...one, program: { ...one.program, image } })),
                }
              : node,
          ),
        },
      ]),
    ),
});

const clock = seededClock();
const machines = createFakeMachines({ clock });
const plane = await testPlane({
  clock,
  regions: ["east"],
  frameworks: [withGuests(createFakeFramework(machines.exchange))],
  runtime: (gate) => createFakeRuntime({ machines, clock, checkpoint: (name) => gate(`at ${name}`) }),
});

const appOf = async ({ id }: TestChain) => (await plane.client.chain.findUniqueOrThrow({ where: { id } })).appId;

/** As the API writes them. */
const setLogin = async (chain: TestChain, host: string, password: string, appId?: string): Promise<void> => {
  const owner = { tenantId: chain.tenantId, appId: appId ?? (await appOf(chain)) };
  const id = plane.ids.next("registryCredential");
  const login = encodeRegistryLogin({ username: "bob", password });
  const sealed = await plane.custody.seal(login, registryContext(owner, host, id));
  await inTransaction(plane.client, async (transaction) => {
    const createdAt = plane.clock.now();
    await registryCredentialRepository.replace(transaction, { id, ...owner, host, username: "bob", sealed, createdAt });
    await chainWishes.nudgeOfApp(transaction, owner.tenantId, owner.appId, createdAt);
  });
};
const removeLogin = async (chain: TestChain, host: string): Promise<void> => {
  const appId = await appOf(chain);
  await inTransaction(plane.client, async (transaction) => {
    await registryCredentialRepository.remove(transaction, { tenantId: chain.tenantId, appId, host });
    await chainWishes.nudgeOfApp(transaction, chain.tenantId, appId, plane.clock.now());
  });
};

const placementOf = (chain: TestChain): string => chain.placements.get("east") ?? "";
/** What the region was given, without versions. */
const laid = (chain: TestChain): string[] =>
  [...(machines.placements.get(placementOf(chain))?.registries ?? [])].map(
    ([key, login]) => `${key.split("@")[0]} ${(JSON.parse(login) as { password: string }).password}`,
  );
const orderOf = async (chain: TestChain) => {
  const row = await plane.client.placement.findUniqueOrThrow({ where: { id: placementOf(chain) } });
  return { text: JSON.stringify(row.workOrder), order: row.workOrder as unknown as WorkOrder };
};
const nodesStarted = (chain: TestChain): number =>
  machines.starts.filter((start) => start.startsWith(placementOf(chain))).length;

test("an app's login reaches its chains' regions, another one follows, and so does its removal: nothing restarts", async () => {
  const chain = await wishChain(plane);
  await settle(plane);
  const before = nodesStarted(chain);
  expect(laid(chain)).toEqual([]);

  await setLogin(chain, "ghcr.io", "first-secret");
  // No image of the chain is from there.
  await setLogin(chain, "quay.io", "elsewhere");
  await runFor(plane, 1_000);
  expect(laid(chain)).toEqual(["ghcr.io first-secret"]);
  const { text, order } = await orderOf(chain);
  expect(order.blueprint?.registries).toMatchObject([
    { host: "ghcr.io", credential: { material: "registry/ghcr.io" } },
  ]);
  expect(text).not.toMatch(/first-secret|bob|quay/);

  await setLogin(chain, "ghcr.io", "second");
  await runFor(plane, 1_000);
  expect(laid(chain)).toEqual(["ghcr.io second"]);

  await removeLogin(chain, "ghcr.io");
  await runFor(plane, 1_000);
  expect(laid(chain)).toEqual([]);
  expect((await orderOf(chain)).order.blueprint).not.toHaveProperty("registries");
  expect(nodesStarted(chain)).toBe(before);
  expect(machines.doubled).toEqual([]);
});

test("logins of another app, of the same tenant or another, are never given", async () => {
  const [chain, other] = [await wishChain(plane), await wishChain(plane)];
  await settle(plane);
  await setLogin(other, "ghcr.io", "of-another-tenant");
  const sibling = plane.ids.next("app");
  const createdAt = plane.clock.now();
  await plane.client.app.create({ data: { id: sibling, tenantId: chain.tenantId, name: "Sibling", createdAt } });
  await setLogin(chain, "ghcr.io", "of-another-app", sibling);
  await runFor(plane, 60_000);
  expect([laid(chain), laid(other)]).toEqual([[], ["ghcr.io of-another-tenant"]]);

  // A worker that asks for what its order does not name, or names what is another app's, gets nothing.
  const { version } = await plane.client.registryCredential.findFirstOrThrow({ where: { appId: sibling } });
  const claim = await plane.centre.claim(placementOf(chain), { id: "curious", leaseMs: 1_000 });
  const ref = { material: "registry/ghcr.io", version: Number(version) };
  const key = Buffer.alloc(32, 9).toString("base64url");
  const ask = () => plane.centre.secrets(placementOf(chain), claim?.fence ?? 0n, [ref], key);
  expect(await ask()).toEqual({ fenced: false, secrets: [] });
  const { order } = await orderOf(chain);
  const forged = { ...order, blueprint: { ...order.blueprint, registries: [{ host: "ghcr.io", credential: ref }] } };
  const workOrder = JSON.parse(JSON.stringify(forged));
  await plane.client.placement.update({ where: { id: placementOf(chain) }, data: { workOrder } });
  expect(await ask()).toEqual({ fenced: false, secrets: [] });
});
