import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { type Clock, DomainError } from "@portolan/domain";
import type { RuntimeCapabilities } from "@portolan/frameworks";
import type { Logger } from "@portolan/kit";
import type { Failure } from "../node-failure.ts";
import type { PlacementRef, Runtime, WishedAddress } from "../runtime.ts";
import { removeSnapshot } from "../snapshot-store/remove-snapshot.ts";
import { endStrays } from "./adopt.ts";
import { applyBlueprint, removeNode } from "./apply.ts";
import { type Context, type WriteTurn, withTolerantSave, withTurn } from "./context.ts";
import { createExits } from "./exits.ts";
import { toDomainError } from "./failure.ts";
import { createGuard } from "./guard.ts";
import { listInventory } from "./inventory.ts";
import { createLayout } from "./layout.ts";
import { createMemoryWatch } from "./memory-watch.ts";
import { createMonitor } from "./monitor.ts";
import { listNodeDirectories, listVolumes, observePlacement } from "./observe.ts";
import { createPortRegistry, type PortRange } from "./port-registry.ts";
import { createProcessTable } from "./process-table.ts";
import type { ProgramFinder } from "./programs.ts";
import { readLogs } from "./read-logs.ts";
import { clearStaged, restoreSnapshot, stageSnapshot } from "./restore-snapshot.ts";
import { findRunUser, type RunUser } from "./run-user.ts";
import { takeSnapshot } from "./snapshot.ts";
import { createStateStore } from "./state.ts";
import { stopPlacement } from "./stop-placement.ts";
import { createStorageMeter } from "./storage-size.ts";

export interface ProcessRuntimeSettings {
  /** A directory of this machine. Where this process is root, all of its parents must let the run user through. */
  home: string;
  /** Slugs of the regions it serves; absent: whatever it is asked for. */
  regions?: readonly string[];
  clock: Clock;
  log: Pick<Logger, "info" | "warn">;
  programs: ProgramFinder;
  /** The user that programs run as; absent: found by `findRunUser`. `null`: as this process. */
  identity?: RunUser | null;
  portRange?: PortRange;
  /** From this size on a program's log is moved to its older part. */
  maxLogBytes?: number;
  /** How long a node waits for those that should answer before it. */
  startAfterWaitMs?: number;
  /** How long a call waits for another writer of the same placement. */
  lockWaitMs?: number;
  /** Called before each side effect of a writing call. For tests: one that throws is a crash at that place. */
  checkpoint?: (name: string) => void | Promise<void>;
}

const capabilities: RuntimeCapabilities = {
  isolation: "none",
  // A volume is a directory without a bound of its own: it grows with its disk.
  hasStorageExpansion: true,
  hasSnapshots: true,
  exposures: ["internal", "admin", "gateway"],
  tenantCode: false,
};

const portHost = "127.0.0.1";
const defaultPortRange: PortRange = { first: 20_000, last: 29_999 };
const createContext = (settings: ProcessRuntimeSettings): Context => {
  const { clock, log, programs } = settings;
  const layout = createLayout(resolve(settings.home));
  const table = createProcessTable();
  const states = createStateStore(layout);
  const lockWait = settings.lockWaitMs === undefined ? {} : { waitMs: settings.lockWaitMs };
  let before: Set<string> | undefined;
  return {
    layout,
    table,
    states,
    clock,
    log,
    programs,
    portHost,
    guard: createGuard({ layout, table, ...lockWait }),
    ports: createPortRegistry({ layout, range: settings.portRange ?? defaultPortRange, host: portHost }),
    user: settings.identity === undefined ? findRunUser() : (settings.identity ?? undefined),
    monitor: createMonitor({ states, table, clock, log }),
    memory: createMemoryWatch({ clock, table }),
    maxLogBytes: settings.maxLogBytes ?? 10 << 20,
    startAfterWaitMs: settings.startAfterWaitMs ?? 60_000,
    exits: createExits(),
    unsaved: new Map<string, Failure>(),
    ranBefore: (placementId) => {
      before ??= new Set(table.scan(layout.home).map((found) => found.placementId));
      return before.has(placementId);
    },
    checkpoint: settings.checkpoint ?? (() => undefined),
  };
};

const takenAddress = ({ host, number }: WishedAddress, why: string, hint: string): DomainError =>
  new DomainError({ code: "address.taken", message: `The address ${host}:${number} ${why}.`, hint });

/** All of them, before one is claimed: what can't be had whole is not begun. */
const refuseTaken = async (turn: WriteTurn, wished: readonly WishedAddress[]): Promise<void> => {
  for (const address of wished) {
    const { node, port, host, number } = address;
    const owner = `${turn.state.placementId}/${node}/${port}`;
    const answer = host === portHost ? await turn.ports.ask(owner, number) : "outside";
    if (answer === "outside")
      throw takenAddress(
        address,
        "is not one that this region gives",
        "Import it into a region with the same addresses.",
      );
    if (answer === "taken")
      throw takenAddress(
        address,
        "is in use on this machine",
        "Free it: delete the chain that has it, or stop the program that listens there; then import again.",
      );
  }
};

const reserveAddresses = async (
  turn: WriteTurn,
  nodes: Parameters<Runtime["reserve"]>[1],
  wished: readonly WishedAddress[] = [],
): Promise<WriteTurn["state"]["addresses"]> => {
  const { state } = turn;
  const wishOf = (node: string, port: string) => wished.find((item) => item.node === node && item.port === port);
  let isNew = false;
  await refuseTaken(
    turn,
    nodes.flatMap(({ name, ports }) => ports.flatMap((port) => wishOf(name, port.name) ?? [])),
  );
  for (const { name: node, ports } of nodes) {
    for (const { name: port } of ports) {
      const wish = wishOf(node, port)?.number;
      const found = state.addresses.find((address) => address.node === node && address.port === port);
      if (found !== undefined && (wish === undefined || found.number === wish)) continue;
      if (found !== undefined) state.addresses.splice(state.addresses.indexOf(found), 1);
      await turn.step("port.claim");
      const number = await turn.ports.claim(`${state.placementId}/${node}/${port}`, wish);
      state.addresses.push({ node, port, host: portHost, number, bindHost: portHost, bindNumber: number });
      isNew = true;
    }
  }
  if (isNew) turn.save({ isDurable: true });
  const wanted = new Set(nodes.flatMap(({ name, ports }) => ports.map((port) => `${name}/${port.name}`)));
  return state.addresses.filter(({ node, port }) => wanted.has(`${node}/${port}`));
};

const destroyPlacement = async (strict: WriteTurn, volumes: boolean): Promise<void> => {
  const turn = withTolerantSave(strict);
  const { placementId } = turn.state;
  await stopPlacement(turn);
  await endStrays(turn);
  const names = new Set([...Object.keys(turn.state.nodes), ...listNodeDirectories(turn, placementId)]);
  for (const name of names) await removeNode(turn, name, { volumes });
  const isKept = !volumes && listVolumes(turn, placementId).length > 0;
  // Kept volumes keep their addresses: a genesis that names them stays true when the chain is restored.
  if (isKept) return strict.save({ isDurable: true });
  await turn.step("placement.remove");
  turn.ports.release(`${placementId}/`);
  await rm(turn.layout.placement(placementId), { recursive: true, force: true });
  turn.state.nodes = {};
};

/** Runs blueprints as processes on this machine, on loopback ports. One trust domain: it keeps tenants apart in nothing. */
export const createProcessRuntime = (settings: ProcessRuntimeSettings): Runtime => {
  const context = createContext(settings);
  const storage = createStorageMeter({ clock: settings.clock });
  const { layout, states, monitor } = context;

  const checkRegion = ({ region }: PlacementRef): void => {
    if (settings.regions === undefined || settings.regions.includes(region)) return;
    throw new DomainError({ code: "region.unknown", message: `This worker does not serve the region ${region}.` });
  };
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw toDomainError(error);
    }
  };
  const write = <T>(placement: PlacementRef, fence: bigint, work: (turn: WriteTurn) => Promise<T>): Promise<T> =>
    guarded(() => {
      checkRegion(placement);
      return withTurn(context, placement, fence, work);
    });

  return {
    capabilities,
    reserve: (placement, nodes, fence, wished) =>
      write(placement, fence, (turn) => reserveAddresses(turn, nodes, wished)),
    apply: (placement, blueprint, secrets, fence, only) =>
      write(placement, fence, async (turn) => {
        await clearStaged(turn);
        await applyBlueprint(turn, blueprint, secrets, only);
      }),
    stop: (placement, fence) =>
      write(placement, fence, async (turn) => {
        await stopPlacement(turn);
        await endStrays(turn);
      }),
    observe: (placement) => guarded(() => observePlacement(context, storage, placement.placementId)),
    inventory: () => guarded(async () => listInventory(context)),
    destroy: (placement, { volumes, fence }) =>
      write(placement, fence, async (turn) => {
        await clearStaged(turn);
        await destroyPlacement(turn, volumes);
        storage.forget(layout.placement(placement.placementId));
        context.memory.forget(`${placement.placementId}/`);
      }),
    dial: (placement, node, port) =>
      guarded(async () => {
        const { addresses = [] } = states.load(placement.placementId) ?? {};
        const found = addresses.find((address) => address.node === node && address.port === port);
        if (found) return { host: found.host, port: found.number };
        throw new DomainError({
          code: "region.unreachable",
          message: `Nothing is reserved for ${node}'s ${port} port.`,
          retryable: true,
        });
      }),
    logs: (placement, node, options) => readLogs(layout.logs(placement.placementId, node), options),
    snapshot: (placement, store, name, fence) => write(placement, fence, (turn) => takeSnapshot(turn, store, name)),
    stage: (placement, store, snapshot, fence) =>
      write(placement, fence, (turn) => stageSnapshot(turn, store, snapshot)),
    restore: (placement, store, snapshot, fence) =>
      write(placement, fence, (turn) => restoreSnapshot(turn, store, snapshot)),
    removeSnapshot: (placementId, store, name) => guarded(() => removeSnapshot(store, name, placementId)),
    watch: (onChange, signal) => {
      // Looked up now, so that the first chain's start does not wait for it.
      context.ranBefore("");
      return monitor.watch(onChange, signal);
    },
  };
};
