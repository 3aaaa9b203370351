import { DomainError } from "@portolan/domain";
import { expect, test } from "vitest";
import { parseKubernetesSettings } from "./settings.ts";

test("everything has a default but the peers, and nobody is let in by default", () => {
  expect(parseKubernetesSettings({})).toMatchObject({
    clusterDomain: "cluster.local",
    reach: "dns",
    podSecurity: "restricted",
    gateway: [],
    worker: [],
    spread: { topologyKey: "kubernetes.io/hostname", isRequired: false },
    features: { podResources: true, stopSignal: false },
  });
});

test.each([
  [{ reach: "host" }, "reach"],
  [{ gateway: [{ cidr: "10.0.0.0/99" }] }, "gateway"],
  [{ images: [{ match: "a", use: "A B" }] }, "images"],
  [{ storageclass: "typo" }, "storageclass"],
  [{ dns: [] }, "dns"],
])("%j is refused, and the sentence says where", (value, place) => {
  expect(() => parseKubernetesSettings(value)).toThrow(DomainError);
  expect(() => parseKubernetesSettings(value)).toThrow(new RegExp(place));
});
