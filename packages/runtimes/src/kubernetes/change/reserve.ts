import type { NodeAddress, NodeSpec } from "@portolan/domain";
import type { KubeObject, ServiceObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { toOutsideAddress } from "../entry/names.ts";
import { renderNamespace } from "../render/namespace.ts";
import { toPortNumbers } from "../render/ports.ts";
import { renderService, toServiceHost } from "../render/service.ts";
import { ensure } from "./ensure.ts";

const anyAddress = "0.0.0.0";

const reserveNode = async (
  turn: WriteTurn,
  node: NodeSpec,
  known: ServiceObject | undefined,
): Promise<NodeAddress[]> => {
  const { settings, placement } = turn;
  const taken = new Map((known?.spec?.ports ?? []).map(({ name = "", port }) => [name, port] as const));
  const numbers = toPortNumbers(node.ports, taken);
  const ports = node.ports.map((port) => {
    const number = numbers.get(port.name) ?? 0;
    return { ...port, number, bindNumber: number };
  });
  const service = renderService(placement, { name: node.name, role: node.role, ports }) as KubeObject;
  const { name } = service.metadata;
  const entry = `${kinds.Service.kind}/${name}`;
  if (!turn.state.objects.includes(entry)) {
    turn.state.objects.push(entry);
    await turn.save();
  }
  await ensure(turn, service);
  const made = turn.cache.find(kinds.Service, turn.namespace, name) as ServiceObject | undefined;
  const address = made?.spec?.clusterIP;
  const host = toServiceHost(placement, node.name, settings);
  return ports.map(({ name: port, number, outsideBy }) => ({
    node: node.name,
    port,
    host,
    number,
    bindHost: anyAddress,
    bindNumber: number,
    ...(settings.reach === "address" && address ? { routeHost: address } : {}),
    ...(outsideBy === undefined || settings.entry === undefined
      ? {}
      : { outside: toOutsideAddress(node.name, placement.chainId, settings.entry) }),
  }));
};

/** A Service for each node: a name and an address that stay, whatever becomes of the pods behind them. */
export const reserveAddresses = async (turn: WriteTurn, nodes: readonly NodeSpec[]): Promise<NodeAddress[]> => {
  await ensure(turn, renderNamespace(turn.placement, turn.settings));
  const view = await turn.look(turn.namespace);
  const addresses = await Promise.all(nodes.map((node) => reserveNode(turn, node, view.services.get(node.name))));
  await turn.save();
  return addresses.flat();
};
