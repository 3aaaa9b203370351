import { expect, test } from "vitest";
import type { KubeObject } from "../client/kube-object.ts";
import type { Kind } from "../client/kube-paths.ts";
import { kubernetesSettings } from "../settings.ts";
import { createEntry } from "./entry.ts";
import { entryNames } from "./names.ts";

interface ConfigMap extends KubeObject {
  data?: { [key: string]: string };
}

/** As much of an API server as the entry asks; a ConfigMap's data is merged as one writer's own keys are. */
const openEntry = () => {
  const held = new Map<string, ConfigMap>();
  const keyOf = (kind: string, name: string): string => `${kind}/${name}`;
  const merge = (kind: string, name: string, body: object): ConfigMap => {
    const { data } = body as { data?: { [key: string]: string | null } };
    const former = held.get(keyOf(kind, name));
    const kept = Object.entries({ ...former?.data, ...data }).filter(([, value]) => value !== null);
    const next = { ...former, ...body, metadata: { name, resourceVersion: "1" }, data: Object.fromEntries(kept) };
    held.set(keyOf(kind, name), next as ConfigMap);
    return next as ConfigMap;
  };
  const objects = {
    get: async (kind: Kind, _namespace: string | undefined, name: string) => held.get(keyOf(kind.kind, name)),
    list: async (kind: Kind) => ({
      items: [...held].filter(([key]) => key.startsWith(`${kind.kind}/`)).map(([, object]) => object),
    }),
    apply: async (body: ConfigMap & { kind: string }) => merge(body.kind, body.metadata.name, body),
    create: async (kind: Kind, _namespace: string | undefined, body: ConfigMap) =>
      merge(kind.kind, body.metadata.name, body),
    patch: async (kind: Kind, _namespace: string, name: string, body: object) => merge(kind.kind, name, body),
  };
  const settings = kubernetesSettings.parse({
    entry: { domain: "paris.example.org", ports: { first: 30_300, count: 2 } },
  });
  const entry = createEntry({
    objects: objects as unknown as Parameters<typeof createEntry>[0]["objects"],
    settings,
    toolsImage: "node:24",
    log: { warn: () => undefined },
  });
  return { entry, lose: (name: string) => held.delete(keyOf("ConfigMap", name)) };
};

test("a number that still leads to another placement is nobody's, also where it was lost whose it is", async () => {
  const { entry, lose } = openEntry();
  const ownerOf = (namespace: string) => ({ namespace, node: "rpc-0", port: "p2p" });
  const number = await entry.takeNumber(ownerOf("p-1"));
  await entry.put("p-1", JSON.stringify([{ number, host: "10.0.0.1", port: 8_000 }]));
  lose(entryNames.ports);
  expect(await entry.takeNumber(ownerOf("p-2"))).not.toBe(number);
  // Its own it gets back.
  expect(await entry.takeNumber(ownerOf("p-1"))).toBe(number);
  await expect(entry.takeNumber(ownerOf("p-3"))).rejects.toThrow("no port number left");
});
