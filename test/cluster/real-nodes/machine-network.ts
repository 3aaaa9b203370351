import { runCommand } from "../run-command.ts";
import type { Slot } from "./slot.ts";

const ip = (...args: readonly string[]): Promise<string> => runCommand("ip", args);

/** The bridge between the nodes and this machine; one of a cluster that was killed is replaced, its routes with it. */
export const makeBridge = async ({ bridge, machine }: Slot): Promise<void> => {
  await removeBridge(bridge);
  await ip("link", "add", bridge, "type", "bridge");
  await ip("addr", "add", `${machine}/24`, "dev", bridge);
  await ip("link", "set", bridge, "up");
};

export const removeBridge = async (bridge: string): Promise<void> => {
  await ip("link", "del", bridge).catch(() => undefined);
};

/** A wire between the bridge and a node's network namespace, told by a process in it. */
export const wireNode = async (slot: Slot, node: number, pid: number): Promise<void> => {
  const wire = slot.wire(node);
  await ip("link", "del", wire).catch(() => undefined);
  await ip("link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", String(pid));
  await ip("link", "set", wire, "master", slot.bridge, "up");
  await inNetwork(pid, "ip", "link", "set", "lo", "up");
  await inNetwork(pid, "ip", "addr", "add", `${slot.nodeAddress(node)}/24`, "dev", "eth0");
  await inNetwork(pid, "ip", "link", "set", "eth0", "up");
  await inNetwork(pid, "ip", "route", "add", "default", "via", slot.machine);
};

/** Runs a program in the network namespace of a process. */
export const inNetwork = (pid: number, ...command: readonly string[]): Promise<string> =>
  runCommand("nsenter", ["--target", String(pid), "--net", "--", ...command]);

export interface Route {
  readonly to: string;
  readonly via: string;
}

/** Of this machine, or of a node. */
export const setRoute = async ({ to, via }: Route, node?: number): Promise<void> => {
  const args = ["route", "replace", to, "via", via];
  await (node === undefined ? ip(...args) : inNetwork(node, "ip", ...args));
};
