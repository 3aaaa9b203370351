import type { V1PodSpec } from "@kubernetes/client-node";
import { describe, expect, test } from "vitest";
import { renderEntry } from "../src/kubernetes/entry/render-entry.ts";
import { renderEntryEgress, renderOutsidePolicies, toRoutes } from "../src/kubernetes/entry/render-outside.ts";
import { kubernetesSettings } from "../src/kubernetes/settings.ts";
import { entryPlacement, entrySettings, renderSampleEntry, shownBlueprint } from "./entry-sample.ts";
import { fullBlueprint } from "./full-blueprint.ts";
import { restrictedViolations } from "./pod-security.ts";

const settings = entrySettings;
const placement = entryPlacement;
const shown = shownBlueprint;
const objects = renderSampleEntry({ "main.ts": "// the program\n" });
const namespace = "p-plc";

describe("the region's entry", () => {
  test("stays as it is, and so do a placement's ways to and from it", async () => {
    const own = [
      ...renderOutsidePolicies(placement, namespace, shown, settings),
      renderEntryEgress(placement, namespace, shown, settings),
    ];
    const routes = toRoutes(shown, () => "10.96.0.7");
    await expect(`${JSON.stringify({ objects, placement: own, routes }, null, 1)}\n`).toMatchFileSnapshot(
      "./golden/entry.json",
    );
  });

  test("its pods break none of the rules of Pod Security restricted", () => {
    const deployment = objects.find(({ kind }) => kind === "Deployment") as unknown as {
      spec: { template: { spec: V1PodSpec } };
    };
    expect(restrictedViolations(deployment.spec.template.spec)).toEqual([]);
  });

  test("there is one load balancer, whatever stands behind it, or none where machines' ports are to be dialled", () => {
    const serviceOf = (more: object) => {
      const parsed = kubernetesSettings.parse({ entry: { domain: "paris.example.org", ...more } });
      if (parsed.entry === undefined) throw new Error("there is no entry");
      const input = { settings: { ...parsed, entry: parsed.entry }, toolsImage: "node:24", files: {} };
      return renderEntry(input).filter(({ kind }) => kind === "Service");
    };
    expect(serviceOf({})).toMatchObject([{ spec: { type: "LoadBalancer", ports: [{ port: 443, targetPort: 8443 }] } }]);
    expect(serviceOf({ service: "NodePort", port: 30_443 })).toMatchObject([
      { spec: { type: "NodePort", ports: [{ nodePort: 30_443 }] } },
    ]);
    expect(serviceOf({ service: "NodePort", port: 30_443, ports: { first: 30_500, count: 2 } })).toMatchObject([
      { spec: { ports: [{}, { port: 30_500, targetPort: 30_500, nodePort: 30_500 }, { nodePort: 30_501 }] } },
    ]);
  });

  test.each([
    ["machines' ports below those that a machine may give", { service: "NodePort" }],
    ["numbers that the entry takes TLS at itself", { ports: { first: 8_400, count: 50 } }],
    ["numbers with the port that callers dial", { port: 4_430, ports: { first: 4_400, count: 50 } }],
    ["numbers that need rights", { ports: { first: 80, count: 1 } }],
    ["numbers beyond the last", { ports: { first: 65_500, count: 100 } }],
    ["more numbers than one service takes", { ports: { first: 20_000, count: 201 } }],
  ])("no %s", (_name, more) => {
    expect(kubernetesSettings.safeParse({ entry: { domain: "paris.example.org", ...more } }).success).toBe(false);
  });

  test("without one, and without a port that is shown, nothing is opened", () => {
    const closed = kubernetesSettings.parse({});
    expect(renderOutsidePolicies(placement, namespace, shown, closed)).toEqual([]);
    expect(renderEntryEgress(placement, namespace, shown, closed)).toBeUndefined();
    expect(renderOutsidePolicies(placement, namespace, fullBlueprint, settings)).toEqual([]);
    expect(renderEntryEgress(placement, namespace, fullBlueprint, settings)).toBeUndefined();
    expect(toRoutes(fullBlueprint, () => "10.96.0.7")).toEqual([]);
    // A node without an address yet has no route yet.
    expect(toRoutes(shown, () => undefined)).toEqual([]);
  });
});
