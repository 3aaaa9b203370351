import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryDirectory } from "@portolan/testing";
import { expect, it, onTestFinished } from "vitest";
import { chainBody, createChain, finish, signUp } from "../support/customer.ts";
import { rpc } from "../support/json-rpc.ts";
import { startPlane } from "../support/plane.ts";
import { until } from "../support/until.ts";

const kubeconfig = {
  apiVersion: "v1",
  kind: "Config",
  clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
  users: [{ name: "u", user: { token: "nobody" } }],
  contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
  "current-context": "x",
};

const place = { country: "FR", city: "Paris", provider: "own", jurisdiction: "eu", operator: "operator" };

it("a region that is down is told of and closed to new chains, and the rest of the plane goes on", async () => {
  const directory = temporaryDirectory("regions");
  const file = join(directory, "regions.json");
  const path = join(directory, "kubeconfig");
  await writeFile(path, JSON.stringify(kubeconfig), { mode: 0o600 });
  const regions = [
    { slug: "down", name: "Down", ...place, runtime: { kind: "kubernetes", kubeconfig: path } },
    { slug: "lost", name: "Lost", ...place, runtime: { kind: "kubernetes", kubeconfig: join(directory, "nothing") } },
    { slug: "second", name: "Second", ...place, runtime: { kind: "process" } },
  ];
  await writeFile(file, JSON.stringify(regions), { mode: 0o600 });
  const plane = await startPlane({ env: { PORTOLAN_REGIONS_FILE: file } });
  onTestFinished(() => plane.stop());
  const customer = await signUp(plane);
  const regionOf = async (slug: string) =>
    (await customer.sdk.regions.list({ query: {} })).items.find((region) => region.slug === slug);
  for (const slug of ["down", "lost"]) {
    const region = await until(`${slug} is told of`, async () => {
      const found = await regionOf(slug);
      return found?.reason === null ? undefined : found;
    });
    expect(region?.reason).toMatchObject({ message: expect.any(String), hint: expect.any(String) });
    // The file's path and the server's address are the operator's.
    expect(JSON.stringify(region)).not.toMatch(/127\.0\.0\.1:1"|nothing|kubeconfig/);
    await expect(
      customer.sdk.chains.create({ body: chainBody(customer, { name: slug, regions: [slug] }) }),
    ).rejects.toMatchObject({ code: "region.unreachable", hint: expect.any(String) });
  }

  for (const slug of ["local", "second"]) {
    const chain = await createChain(plane, customer, { name: slug, regions: [slug] });
    expect(Number(await rpc(chain.url, "eth_blockNumber"))).toBeGreaterThanOrEqual(0);
    await finish(customer.sdk, (await customer.sdk.chains.delete({ params: { chain: chain.id } })).id);
  }

  // A region that vanished from the file is closed; the others are as they were.
  await plane.interrupt();
  await writeFile(file, JSON.stringify(regions.slice(2)), { mode: 0o600 });
  await plane.start();
  expect(await regionOf("down")).toMatchObject({ state: "closed", reason: { code: "region.unknown" } });
  expect(await regionOf("second")).toMatchObject({ state: "open", reason: null });
});
