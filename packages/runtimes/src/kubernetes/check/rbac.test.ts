import { expect, test } from "vitest";
import { kinds } from "../client/kube-paths.ts";
import { renderRbac } from "./rbac.ts";
import { rights } from "./rights.ts";

test("the file that operators apply is what the table says", async () => {
  await expect(renderRbac()).toMatchFileSnapshot("../../../../../deploy/kubernetes/rbac.yaml");
});

test("every kind that the driver knows is in the table", () => {
  const named = new Set(rights.map(({ group, resource }) => `${group}/${resource}`));
  const missing = Object.values(kinds)
    .map(({ apiVersion, plural }) => `${apiVersion.includes("/") ? apiVersion.split("/")[0] : ""}/${plural}`)
    // Nothing of ours has one: pods get no token.
    .filter((name) => !named.has(name) && name !== "/serviceaccounts");
  expect(missing).toEqual([]);
});
