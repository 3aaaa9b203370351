import { expect, test } from "vitest";
import type { Blueprint, BlueprintNode } from "./blueprint.ts";
import { toBlueprintRefs } from "./blueprint-refs.ts";
import { registryOf, toRegistryKeys, toRegistryRef, withRegistries } from "./registry-access.ts";

const digest = `sha256:${"0".repeat(64)}`;

const node = (name: string, image: string, isTenantCode: boolean): BlueprintNode => ({
  name,
  role: "node",
  ordinal: 0,
  version: "1",
  processes: [
    {
      name: "main",
      program: { name: "main", version: "1", image },
      args: [],
      env: {},
      after: [],
      stopSignal: "SIGTERM",
      stopGraceMs: 0,
    },
  ],
  init: [],
  jobs: [],
  files: [],
  volumes: [],
  ports: [],
  userId: 1000,
  resources: { cpuMillis: 1, memoryBytes: 1 },
  startAfter: [],
  ...(isTenantCode ? { isTenantCode } : {}),
});

const blueprint = (...nodes: BlueprintNode[]): Blueprint => ({
  chainId: "chn_1",
  placementId: "plc_1",
  framework: "fake",
  rendererVersion: 1,
  nodes,
  network: [],
  spread: [],
});

const known = [
  { host: "ghcr.io", version: 3 },
  { host: "quay.io", version: 4 },
];

test("only registries of tenants' own images get their credentials", () => {
  const wish = blueprint(
    node("own", `ghcr.io/acme/a@${digest}`, true),
    node("operators", `quay.io/acme/b@${digest}`, false),
  );
  const made = withRegistries(wish, known);
  expect(made.registries).toEqual([{ host: "ghcr.io", credential: { material: "registry/ghcr.io", version: 3 } }]);
  expect(toRegistryKeys(made)).toEqual(["ghcr.io@3"]);
  expect(toBlueprintRefs(made).secrets).toEqual([{ material: "registry/ghcr.io", version: 3 }]);
});

test("a blueprint without any stays what it is: no order changes for it", () => {
  const wish = blueprint(node("own", `docker.io/acme/a@${digest}`, true));
  expect(withRegistries(wish, known)).toBe(wish);
  expect(withRegistries(blueprint(), [])).not.toHaveProperty("registries");
  expect(toRegistryKeys(wish)).toEqual([]);
});

test("references to them are told from those to material", () => {
  expect(registryOf(toRegistryRef({ host: "ghcr.io:5000", version: 1 }))).toBe("ghcr.io:5000");
  expect(registryOf({ material: "node/peer-0/tls" })).toBeNull();
});
