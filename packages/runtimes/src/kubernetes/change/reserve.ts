import type { NodeAddress, NodeSpec, OutsideAddress, PortSpec } from "@portolan/domain";
import type { View } from "../cache/view.ts";
import type { KubeObject, ServiceObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { toNamedAddress, toNumberedAddress } from "../entry/names.ts";
import { renderNamespace } from "../render/namespace.ts";
import { toPortNumbers } from "../render/ports.ts";
import { renderService, toServiceHost } from "../render/service.ts";
import { ensure } from "./ensure.ts";

const anyAddress = "0.0.0.0";

/** Where a port is dialled from outside; undefined where it is not shown, or the region can't. */
const reserveOutside = async (
  turn: WriteTurn,
  node: string,
  { name: port, outsideBy }: PortSpec,
): Promise<OutsideAddress | undefined> => {
  const { placement, namespace } = turn;
  const { entry } = turn.settings;
  if (outsideBy === undefined || entry === undefined) return undefined;
  if (outsideBy === "tls") return toNamedAddress(node, placement.chainId, entry);
  if (entry.ports === undefined) return undefined;
  if (turn.state.hasNumbers === undefined) {
    turn.state.hasNumbers = true;
    await turn.save();
  }
  await turn.step(`number.${node}.${port}.take`);
  const number = await turn.entry.takeNumber({ namespace, node, port });
  return number === undefined ? undefined : toNumberedAddress(node, placement.chainId, entry, number);
};

/** Numbers of nodes that are neither wished nor there any more go back. */
const releaseOld = async (turn: WriteTurn, nodes: readonly NodeSpec[], view: View): Promise<void> => {
  if (turn.state.hasNumbers === undefined) return;
  await turn.step("numbers.release");
  const kept = new Set([...nodes.map(({ name }) => name), ...view.services.keys()]);
  await turn.entry.releaseNumbers(turn.namespace, kept);
};

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
  const addresses: NodeAddress[] = [];
  for (const { name: port, number, ...rest } of ports) {
    const outside = await reserveOutside(turn, node.name, { name: port, ...rest });
    addresses.push({
      ...{ node: node.name, port, host, number, bindHost: anyAddress, bindNumber: number },
      ...(settings.reach === "address" && address ? { routeHost: address } : {}),
      ...(outside === undefined ? {} : { outside }),
    });
  }
  return addresses;
};

/** A Service for each node: a name and an address that stay, whatever becomes of the pods behind them. */
export const reserveAddresses = async (turn: WriteTurn, nodes: readonly NodeSpec[]): Promise<NodeAddress[]> => {
  await ensure(turn, renderNamespace(turn.placement, turn.settings));
  const view = await turn.look(turn.namespace);
  const addresses = await Promise.all(nodes.map((node) => reserveNode(turn, node, view.services.get(node.name))));
  await releaseOld(turn, nodes, view);
  await turn.save();
  return addresses.flat();
};
