import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startOf } from "../processes.ts";

/** The addresses and names of one cluster with real nodes: several may run at once, each in a slot of its own. */
export interface Slot {
  readonly index: number;
  /** The network device that the nodes are joined to. */
  readonly bridge: string;
  readonly machine: string;
  readonly nodes: string;
  readonly pods: string;
  readonly services: string;
  /** The API server's address for pods. */
  readonly apiService: string;
  readonly dns: string;
  nodeAddress(node: number): string;
  /** Of the control groups of a node; without one, what all of them begin with. */
  cgroup(node?: number): string;
  /** Of this machine's end of the node's wire; 15 characters at most. */
  wire(node: number): string;
  release(): void;
}

const count = 4;

/** The names are below `portolan`, the addresses at the end of ranges that few networks use up. */
const toSlot = (index: number, release: () => void): Slot => ({
  index,
  bridge: `portolan-${index}`,
  machine: `172.31.${255 - index}.1`,
  nodes: `172.31.${255 - index}.0/24`,
  pods: `10.${244 + index}.0.0/16`,
  services: `10.${96 + index}.0.0/16`,
  apiService: `10.${96 + index}.0.1`,
  dns: `10.${96 + index}.0.10`,
  nodeAddress: (node) => `172.31.${255 - index}.${10 + node}`,
  cgroup: (node) => `portolan-${index}-node${node ?? ""}`,
  wire: (node) => `portolan-${index}-${node}`,
  release,
});

/** The first slot that no living keeper has. */
export const takeSlot = (): Slot => {
  for (let index = 0; index < count; index += 1) {
    const slot = takeSlotNumber(index);
    if (slot !== undefined) return slot;
  }
  throw new Error(`${count} clusters with real nodes run already`);
};

/** Undefined where a living keeper has it. */
export const takeSlotNumber = (index: number): Slot | undefined => {
  const lock = join(tmpdir(), `portolan-slot-${index}.lock`);
  return take(lock) ? toSlot(index, () => rmSync(lock, { force: true })) : undefined;
};

const take = (lock: string): boolean => {
  const own = `${process.pid} ${startOf(process.pid) ?? ""}`;
  for (const attempt of ["first", "after a stale one"]) {
    try {
      writeFileSync(lock, own, { flag: "wx" });
      return true;
    } catch {
      if (attempt !== "first" || holderLives(lock)) return false;
      rmSync(lock, { force: true });
    }
  }
  return false;
};

const holderLives = (lock: string): boolean => {
  try {
    const [pid, start] = readFileSync(lock, "utf8").split(" ");
    return startOf(Number(pid)) === start;
  } catch {
    return false;
  }
};
