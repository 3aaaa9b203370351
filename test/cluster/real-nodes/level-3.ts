import { join } from "node:path";
import type { ClusterImage, ClusterRegistry, ImageSpec } from "@portolan/testing/cluster";
import type { ControlPlaneParts } from "../control-plane.ts";
import { makeImage } from "../images/make-image.ts";
import { pushImage, startRegistry } from "../images/registry.ts";
import { enforcePolicies } from "../network-policy/enforce.ts";
import { startDns } from "./dns.ts";
import { makeBridge, removeBridge, setRoute } from "./machine-network.ts";
import { enlargeNodes } from "./node-size.ts";
import { createRealNode, type RealNode } from "./real-node.ts";
import type { Slot } from "./slot.ts";

export interface Level3 {
  readonly nodes: readonly RealNode[];
  readonly registry: ClusterRegistry;
  readonly commands: {
    stopNode(name: string): Promise<void>;
    startNode(name: string): Promise<void>;
    makeImage(spec: ImageSpec): Promise<ClusterImage>;
    pushImage(image: ClusterImage, repository: string, tag: string): Promise<{ open: string; closed: string }>;
  };
}

/** Real nodes, their network and its policies, names, images and registries. `closing` takes what must be undone. */
export const startLevel3 = async (
  parts: ControlPlaneParts & { slot: Slot },
  count: number,
  registryPorts: readonly [number, number],
  closing: (() => void | Promise<void>)[],
): Promise<Level3> => {
  const { slot, programs } = parts;
  const images: ClusterImage[] = [];
  const makeOne = (spec: ImageSpec): Promise<ClusterImage> => makeImage(join(parts.directory, "images"), spec);
  const give = (node: RealNode, image: ClusterImage): Promise<void> =>
    node.importImage(image.archive, image.reference, image.digestReference);
  const program = (name: string): ImageSpec => ({
    name,
    programs: [programs[name] ?? name],
    entrypoint: [`/usr/local/bin/${name}`],
  });
  const coredns = await makeOne(program("coredns"));
  images.push(await makeOne(program("pause")), coredns);
  const registry = await startRegistry(parts, registryPorts);
  const nodeParts = {
    ...parts,
    registries: [registry.open, registry.closed],
    onContainers: async (node: RealNode) => {
      for (const image of images) await give(node, image);
    },
  };
  const nodes = Array.from({ length: count }, (_, index) => createRealNode(nodeParts, index));
  closing.push(async () => void (await Promise.all(nodes.map((node) => node.remove()))));
  await enlargeNodes(parts.api);
  await Promise.all(nodes.map((node) => node.start()));
  await connect(slot, nodes);
  const policies = enforcePolicies(parts.api, nodes);
  closing.push(() => policies.close());
  await startDns(parts.api, coredns.reference, slot.dns);
  await untilDnsAnswers(parts, count);
  const find = (name: string): RealNode => {
    const node = nodes.find((each) => each.name === name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  };
  const commands: Level3["commands"] = {
    async stopNode(name) {
      await find(name).stop();
      await connect(slot, nodes);
    },
    async startNode(name) {
      await find(name).start();
      await connect(slot, nodes);
      policies.sweep();
    },
    async makeImage(spec) {
      const image = await makeOne(spec);
      images.push(image);
      await Promise.all(nodes.filter((node) => node.pid() !== undefined).map((node) => give(node, image)));
      return image;
    },
    pushImage: (image, repository, tag) => pushImage(registry, image, repository, tag),
  };
  return { nodes, registry, commands };
};

/** The bridge, and what removes it. */
export const startMachineNetwork = async (slot: Slot, closing: (() => void | Promise<void>)[]): Promise<void> => {
  closing.push(async () => {
    await removeBridge(slot.bridge);
    slot.release();
  });
  await makeBridge(slot);
};

/** This machine and each node reach each node's pods; this machine reaches services through the first node that runs. */
const connect = async (slot: Slot, nodes: readonly RealNode[]): Promise<void> => {
  const running = nodes.filter((node) => node.pid() !== undefined);
  const [first] = running;
  if (first !== undefined) await setRoute({ to: slot.services, via: first.address });
  for (const node of running) {
    const route = { to: node.podNetwork() ?? "", via: node.address };
    await setRoute(route);
    for (const other of running) {
      if (other !== node) await setRoute(route, other.pid());
    }
  }
};

const untilDnsAnswers = async ({ api, processes }: ControlPlaneParts, count: number): Promise<void> => {
  const path = "/apis/apps/v1/namespaces/kube-system/daemonsets/coredns";
  await processes.until("kube-apiserver", 60, async () => {
    const { status } = await api.call<{ status?: { numberReady?: number } }>("GET", path);
    return (status?.numberReady ?? 0) >= count;
  });
};
