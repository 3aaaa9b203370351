import { lookup } from "node:dns/promises";
import { readFileSync } from "node:fs";
import type { NodeRpc } from "./rpc.ts";

interface Neighbour {
  key: string;
  host: string;
  port: string;
}

const toNeighbour = (enode: string): Neighbour => {
  const [, key = "", host = "", port = ""] =
    /^enode:\/\/([0-9a-f]{128})@([^:]+):(\d+)(?:\?discport=\d+)?$/i.exec(enode) ?? [];
  if (key === "") throw new Error(`no enode: ${enode}`);
  return { key: key.toLowerCase(), host, port };
};

const readNeighbours = (path: string): Neighbour[] =>
  (JSON.parse(readFileSync(path, "utf8")) as string[]).map(toNeighbour);

/**
 * Makes the node dial its static nodes, and follows their names to other addresses, as Besu does with
 * `--Xdns-enabled --Xdns-update-enabled`: the node itself would look a name up once, and not again.
 */
export const followNeighbours = (path: string, rpc: NodeRpc, { hasNames }: { hasNames: boolean }): (() => void) => {
  const dialled = new Map<string, string>();
  const toEnode = ({ key, port }: Neighbour, address: string): string => `enode://${key}@${address}:${port}?discport=0`;
  const follow = async (own: string, neighbour: Neighbour): Promise<void> => {
    if (neighbour.key === own) return;
    const isName = !/^\d+(\.\d+){3}$/.test(neighbour.host);
    if (isName && !hasNames) throw new Error(`names are off, and ${neighbour.host} is one`);
    const { address } = await lookup(neighbour.host, { family: 4 });
    const enode = toEnode(neighbour, address);
    const former = dialled.get(neighbour.key);
    if (former === enode) return;
    if (former !== undefined) await rpc.call("admin_removePeer", [former]);
    await rpc.call("admin_addPeer", [enode]);
    dialled.set(neighbour.key, enode);
  };
  const round = async (): Promise<void> => {
    const node = await rpc.call("admin_nodeInfo");
    const self = "result" in node ? /enode:\/\/([0-9a-f]{128})/.exec(JSON.stringify(node.result))?.[1] : undefined;
    await Promise.allSettled(neighbours.map((neighbour) => follow(self ?? "", neighbour)));
  };
  const neighbours = readNeighbours(path);
  const loop = () => void round().catch(() => undefined);
  loop();
  const timer = setInterval(loop, 1_000);
  return () => clearInterval(timer);
};
