import {
  type Blueprint,
  type BlueprintNode,
  type Clock,
  canonicalJson,
  DomainError,
  isShownBy,
  type NodeAddress,
  type NodeObservation,
  type PortSpec,
  toNodeHash,
} from "@portolan/domain";
import type { Fence, PlacementRef, Runtime, SecretSource, SnapshotName } from "@portolan/runtimes";
import type { FakeExchange } from "../fake-framework/fake-framework.ts";
import { createFakeNode, type FakeNode, type FakeNodeDisk, runFakeCommand } from "../fake-framework/fake-node.ts";

interface FakeInstance {
  hash: string;
  rendererVersion: number;
  node: FakeNode;
  isRunning: boolean;
  incarnation: number;
  startedAt: string;
}

interface FakePlacement {
  fence: Fence;
  addresses: NodeAddress[];
  instances: Map<string, FakeInstance>;
  disks: Map<string, Map<string, string>>;
  jobs: Set<string>;
  /** Credentials for registries that are laid in (`host@version`), each with what it says. */
  registries: Map<string, string>;
  /** Node → the program that it lacks. */
  missing: Map<string, string>;
}

/** One placement's data in the store. */
interface FakeSnapshot {
  disks: Map<string, Map<string, string>>;
  jobs: Set<string>;
  digest: string;
  /** Somebody changed it where it lies. */
  isDamaged?: boolean;
}

/**
 * Machines in memory, shared by every runtime and worker of a test: what stands here is what exists outside the
 * database. Crashes of a worker leave it as it was at that moment.
 */
export interface FakeMachines {
  placements: Map<string, FakePlacement>;
  /** Every start of a node's program, in order: the oracle for "nothing made twice". */
  starts: string[];
  /** Starts of a node whose program ran already, as wanted: must stay empty. */
  doubled: string[];
  /** Rejected writes by fence. */
  refused: number;
  /** Programs that are not on these machines: a node that needs one fails with the install hint. */
  missingPrograms: Set<string>;
  /** Placements of which others have changed something beside the nodes; an apply puts it right. */
  drifted: Set<string>;
  /** How long a started node takes until it answers. */
  startupMs: number;
  /** The stores of all regions: `<name>/<placement>`, each whole. */
  snapshots: Map<string, FakeSnapshot>;
  /** Set: taking a snapshot fails so. */
  snapshotFailure: DomainError | null;
  exchange: FakeExchange;
  kill(placementId: string, node: string): void;
  nextPort: number;
  /** Set: callers from outside are let in to nodes, by names below it. */
  entryDomain?: string;
}

const isUp = (machines: FakeMachines, instance: FakeInstance, now: Date): boolean =>
  instance.isRunning && now.getTime() - Date.parse(instance.startedAt) >= machines.startupMs;

export const createFakeMachines = (options: { clock: Clock; startupMs?: number }): FakeMachines => {
  const machines: FakeMachines = {
    placements: new Map(),
    starts: [],
    doubled: [],
    refused: 0,
    missingPrograms: new Set(),
    drifted: new Set(),
    startupMs: options.startupMs ?? 0,
    nextPort: 30_000,
    snapshots: new Map(),
    snapshotFailure: null,
    kill: (placementId, node) => {
      const instance = machines.placements.get(placementId)?.instances.get(node);
      if (instance !== undefined) instance.isRunning = false;
    },
    exchange: async ({ port }, method, path) => {
      for (const placement of machines.placements.values()) {
        const address = placement.addresses.find((item) => item.number === port);
        const instance = address === undefined ? undefined : placement.instances.get(address.node);
        if (instance === undefined || !isUp(machines, instance, options.clock.now())) continue;
        return method === "POST" ? instance.node.post(path) : instance.node.status();
      }
      throw new Error("connection refused");
    },
  };
  return machines;
};

const toDisk = (files: Map<string, string>): FakeNodeDisk => ({
  read: (name) => files.get(name) ?? null,
  write: (name, text) => {
    files.set(name, text);
  },
});

const stateOf = (machines: FakeMachines, instance: FakeInstance, now: Date): NodeObservation["state"] => {
  if (!instance.isRunning) return "stopped";
  return isUp(machines, instance, now) ? "running" : "starting";
};

const observeNodes = (machines: FakeMachines, placement: FakePlacement, now: Date): NodeObservation[] => {
  const whyLacking = (program: string) => ({
    reason: "program_missing",
    message: `The program ${program} is not on this machine.`,
    hint: `Put ${program} on the worker's PATH.`,
  });
  // What runs goes on as it was where the program of what it should become is missing.
  const isThere = (node: string): boolean => placement.instances.get(node)?.isRunning === true;
  const lacking = [...placement.missing]
    .filter(([node]) => !isThere(node))
    .map(
      ([node, program]): NodeObservation => ({
        node,
        state: "failed",
        incarnation: placement.instances.get(node)?.incarnation ?? 0,
        ...whyLacking(program),
      }),
    );
  const present = [...placement.instances].filter(([node]) => !placement.missing.has(node) || isThere(node));
  return [
    ...lacking,
    ...present.map(
      ([node, instance]): NodeObservation => ({
        node,
        state: stateOf(machines, instance, now),
        appliedHash: instance.hash,
        rendererVersion: instance.rendererVersion,
        incarnation: instance.incarnation,
        startedAt: instance.startedAt,
        storageBytes: "1048576",
        ...(placement.missing.has(node) ? whyLacking(placement.missing.get(node) ?? "") : {}),
      }),
    ),
  ];
};

const copyDisks = (disks: Map<string, Map<string, string>>) =>
  new Map([...disks].map(([node, files]) => [node, new Map(files)]));

const digestOfDisks = (disks: Map<string, Map<string, string>>): string =>
  canonicalJson([...disks].map(([node, files]) => [node, [...files]]));

const fakeSnapshots = (
  machines: FakeMachines,
  enter: (ref: PlacementRef, fence: Fence) => FakePlacement,
  at: (name: string) => Promise<void>,
): Pick<Runtime, "snapshot" | "stage" | "restore" | "removeSnapshot"> => {
  const refuseRunning = (placement: FakePlacement): void => {
    if ([...placement.instances.values()].some((instance) => instance.isRunning))
      throw new DomainError({ code: "resource.conflict", message: "Programs are running." });
  };
  const sizeOf = (disks: FakeSnapshot["disks"]): number => disks.size * 1_048_576;
  const find = (ref: PlacementRef, { name, digest, sizeBytes }: SnapshotName): FakeSnapshot => {
    const found = machines.snapshots.get(`${name}/${ref.placementId}`);
    if (found === undefined)
      throw new DomainError({ code: "backup.missing", message: "The backup is not there.", hint: "Bring it." });
    const isOther = found.digest !== digest || (sizeBytes !== undefined && sizeOf(found.disks) !== sizeBytes);
    if (found.isDamaged === true || isOther)
      throw new DomainError({ code: "backup.damaged", message: "The backup is damaged.", hint: "Restore another." });
    return found;
  };
  return {
    snapshot: async (ref, _store, name, fence) => {
      const placement = enter(ref, fence);
      refuseRunning(placement);
      if (machines.snapshotFailure !== null) throw machines.snapshotFailure;
      await at("snapshot.copy");
      enter(ref, fence);
      const disks = copyDisks(placement.disks);
      const digest = digestOfDisks(disks);
      machines.snapshots.set(`${name}/${ref.placementId}`, { disks, digest, jobs: new Set(placement.jobs) });
      return { sizeBytes: sizeOf(disks), files: disks.size, digest };
    },
    stage: async (ref, _store, snapshot, fence) => {
      enter(ref, fence);
      find(ref, snapshot);
      await at("snapshot.stage");
    },
    restore: async (ref, _store, snapshot, fence) => {
      const placement = enter(ref, fence);
      refuseRunning(placement);
      const found = find(ref, snapshot);
      await at("snapshot.restore");
      enter(ref, fence);
      placement.disks = copyDisks(found.disks);
      placement.jobs = new Set(found.jobs);
    },
    removeSnapshot: async (placementId, _store, name) => {
      await at("snapshot.remove");
      machines.snapshots.delete(`${name}/${placementId}`);
    },
  };
};

/** A runtime in memory that keeps fences, names and volumes as a real one does. `checkpoint` is where a test crashes it. */
export const createFakeRuntime = (deps: {
  machines: FakeMachines;
  clock: Clock;
  checkpoint?: (name: string) => Promise<void>;
}): Runtime => {
  const { machines, clock } = deps;
  const at = deps.checkpoint ?? (() => Promise.resolve());

  const showOutside = (address: NodeAddress, port: PortSpec): void => {
    const { entryDomain } = machines;
    // It gives no numbers: ports of protocols that say no name are not shown.
    if (entryDomain === undefined || !isShownBy(port, { byServerName: true })) delete address.outside;
    else {
      const serverName = `${address.node}.${entryDomain}`;
      address.outside = { host: serverName, number: 443, serverName };
    }
  };

  const enter = (ref: PlacementRef, fence: Fence): FakePlacement => {
    const found = machines.placements.get(ref.placementId);
    if (found !== undefined && fence < found.fence) {
      machines.refused += 1;
      throw new DomainError({ code: "runtime.fence_stale", message: "A newer writer has this placement." });
    }
    const placement = found ?? {
      fence,
      addresses: [],
      instances: new Map(),
      disks: new Map(),
      jobs: new Set<string>(),
      registries: new Map<string, string>(),
      missing: new Map<string, string>(),
    };
    placement.fence = fence;
    machines.placements.set(ref.placementId, placement);
    return placement;
  };

  const start = async (
    ref: PlacementRef,
    placement: FakePlacement,
    blueprint: Blueprint,
    wanted: BlueprintNode,
    secrets: SecretSource,
    fence: Fence,
  ) => {
    const former = placement.instances.get(wanted.name);
    const disk = placement.disks.get(wanted.name) ?? new Map<string, string>();
    placement.disks.set(wanted.name, disk);
    const read = (name: string): string => {
      const file = wanted.files.find((item) => item.name === name)?.content;
      if (file === undefined) return "";
      if ("secret" in file) return Buffer.from(secrets.secret(file.secret)).toString("utf8");
      if ("public" in file) return JSON.stringify(secrets.public(file.public));
      return "text" in file && typeof file.text === "string" ? file.text : "";
    };
    const missing = [...wanted.init, ...wanted.processes].find(({ program }) =>
      machines.missingPrograms.has(program.name),
    );
    if (missing !== undefined) {
      placement.missing.set(wanted.name, missing.program.name);
      return;
    }
    placement.missing.delete(wanted.name);
    // A change is a stop and a start: in between the node is down.
    if (former !== undefined) former.isRunning = false;
    await at("start.before");
    enter(ref, fence);
    if (placement.instances.get(wanted.name)?.isRunning === true) machines.doubled.push(wanted.name);
    for (const command of wanted.init) runFakeCommand(command.name, toDisk(disk));
    machines.starts.push(`${ref.placementId}/${wanted.name}`);
    const node = createFakeNode(
      wanted.name,
      { genesis: read("genesis.json"), certificate: read("certificate.json"), key: read("node.key") },
      toDisk(disk),
    );
    placement.instances.set(wanted.name, {
      hash: toNodeHash(wanted),
      rendererVersion: blueprint.rendererVersion,
      node,
      isRunning: true,
      incarnation: (former?.incarnation ?? 0) + 1,
      startedAt: clock.now().toISOString(),
    });
    for (const job of wanted.jobs) {
      const key = `${wanted.name}/${job.key}`;
      if (placement.jobs.has(key)) continue;
      placement.jobs.add(key);
      runFakeCommand(job.name, toDisk(disk));
    }
    await at("start.after");
  };

  return {
    get capabilities() {
      const { entryDomain } = machines;
      return {
        isolation: "none" as const,
        hasStorageExpansion: false,
        hasSnapshots: true,
        exposures: ["internal", "admin", "gateway", "public"] as const,
        ...(entryDomain === undefined ? {} : { exposure: { domain: entryDomain, byServerName: true as const } }),
      };
    },
    reserve: async (ref, nodes, fence, wished = []) => {
      const placement = enter(ref, fence);
      await at("reserve");
      for (const { node, number } of wished) {
        const isOthers = [...machines.placements.values()].some(
          (other) => other !== placement && other.addresses.some((item) => item.number === number),
        );
        if (!isOthers) continue;
        const message = `The port ${number} of ${node} is in use.`;
        throw new DomainError({ code: "address.taken", message, hint: "Free it." });
      }
      for (const node of nodes) {
        for (const port of node.ports) {
          const known = placement.addresses.find((item) => item.node === node.name && item.port === port.name);
          if (known !== undefined) {
            showOutside(known, port);
            continue;
          }
          const wish = wished.find((item) => item.node === node.name && item.port === port.name);
          const number = wish?.number ?? machines.nextPort++;
          const address: NodeAddress = {
            ...{ node: node.name, port: port.name, host: "127.0.0.1", number },
            ...{ bindHost: "127.0.0.1", bindNumber: number },
          };
          showOutside(address, port);
          placement.addresses.push(address);
        }
      }
      return placement.addresses.map((address) => ({ ...address }));
    },
    apply: async (ref, blueprint, secrets, fence, only) => {
      const placement = enter(ref, fence);
      for (const wanted of blueprint.nodes) {
        await at("apply.node");
        enter(ref, fence);
        if (only !== undefined && !only.includes(wanted.name)) continue;
        const instance = placement.instances.get(wanted.name);
        if (instance?.isRunning === true && instance.hash === toNodeHash(wanted)) {
          placement.missing.delete(wanted.name);
          continue;
        }
        await start(ref, placement, blueprint, wanted, secrets, fence);
      }
      placement.registries = new Map(
        (blueprint.registries ?? []).map(({ host, credential }) => [
          `${host}@${credential.version}`,
          Buffer.from(secrets.secret(credential)).toString("utf8"),
        ]),
      );
      const names = new Set(blueprint.nodes.map((node) => node.name));
      for (const name of placement.instances.keys()) if (!names.has(name)) placement.instances.delete(name);
      for (const name of placement.missing.keys()) if (!names.has(name)) placement.missing.delete(name);
      machines.drifted.delete(ref.placementId);
    },
    stop: async (ref, fence) => {
      const placement = enter(ref, fence);
      await at("stop");
      for (const instance of placement.instances.values()) instance.isRunning = false;
    },
    observe: async (ref) => {
      await at("observe");
      const placement = machines.placements.get(ref.placementId);
      return {
        nodes: placement === undefined ? [] : observeNodes(machines, placement, clock.now()),
        volumes: [...(placement?.disks.keys() ?? [])].map((node) => `${node}/data`),
        ...(placement === undefined || placement.registries.size === 0
          ? {}
          : { registries: [...placement.registries.keys()].sort() }),
        ...(machines.drifted.has(ref.placementId) ? { isUnsettled: true } : {}),
      };
    },
    inventory: async () =>
      [...machines.placements].flatMap(([placementId, placement]) =>
        [...placement.instances]
          .filter(([, instance]) => instance.isRunning)
          .map(([node]) => ({ placementId, node, kind: "program" as const, name: node })),
      ),
    destroy: async (ref, { volumes, fence }) => {
      const placement = enter(ref, fence);
      await at("destroy");
      placement.instances.clear();
      placement.missing.clear();
      if (!volumes) return;
      placement.disks.clear();
      placement.jobs.clear();
      placement.addresses = [];
    },
    dial: async (ref, node, port) => {
      const address = machines.placements
        .get(ref.placementId)
        ?.addresses.find((item) => item.node === node && item.port === port);
      if (address === undefined) throw new DomainError({ code: "region.unreachable", message: "Nothing is reserved." });
      return { host: address.host, port: address.number };
    },
    logs: async function* (ref, node, { limit = 100 }) {
      const instance = machines.placements.get(ref.placementId)?.instances.get(node);
      if (instance === undefined) return;
      const lines = [`start ${instance.incarnation}`, "ready"].slice(-limit);
      for (const line of lines) yield { at: instance.startedAt, process: "node", line };
    },
    ...fakeSnapshots(machines, enter, at),
    watch: async () => {},
  };
};
