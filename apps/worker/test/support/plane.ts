import { randomBytes } from "node:crypto";
import { type Custody, createCustody, createStaticKeks, createWorkerKeys } from "@portolan/custody";
import { type Clock, createIdSource, type IdSource } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import { createLogger, type Logger } from "@portolan/kit";
import type { Runtime, SnapshotStore } from "@portolan/runtimes";
import {
  type ChainCoordination,
  createChainCoordination,
  createClients,
  createPostgresCentrePort,
  createPostgresEdgePort,
  createUsageIngest,
  type StoreClient,
  seed,
} from "@portolan/store";
import { seededClock, seededRandom, testDatabase } from "@portolan/testing";
import { afterAll } from "vitest";
import { createCoordinator } from "../../src/reconcile/coordinate-chain.ts";
import { createPlacementReconciler } from "../../src/reconcile/reconcile-placement.ts";
import { createWorkerSecrets, toPlacementKeys } from "../../src/secrets.ts";
import { type Gate, intercept, openGate } from "./intercept.ts";

export const leaseMs = 15_000;

export interface MovableClock extends Clock {
  advance(ms: number): void;
}

export interface PlaneOptions {
  regions?: readonly string[];
  clock?: MovableClock;
  frameworks: readonly Framework[];
  /** The runtime of a region, for a worker whose checkpoints pass through `gate`. */
  runtime(gate: Gate, clock: Clock): Runtime;
  backups?: SnapshotStore;
  loadAsset?(framework: string, path: string): Uint8Array;
}

/** One worker's two passes. */
export interface TestWorker {
  coordinate(chainId: string): Promise<string>;
  reconcile(placementId: string): Promise<string>;
}

export interface WorkerOptions {
  regions?: readonly string[];
  /** A machine that sleeps renews no lease, though the test's own timers go on. */
  isAsleep?: () => boolean;
}

export interface TestPlane {
  client: StoreClient;
  /** Role app, as the API has it. */
  appClient: StoreClient;
  superuserUrl: string;
  systemUrl: string;
  clock: MovableClock;
  ids: IdSource;
  regions: readonly string[];
  coordination: ChainCoordination;
  centre: ReturnType<typeof createPostgresCentrePort>;
  edge: ReturnType<typeof createPostgresEdgePort>;
  custody: Custody;
  signerFor: ReturnType<typeof createWorkerSecrets>["signerFor"];
  /** Every worker is another owner. Without a gate it never crashes. */
  worker(gate?: Gate, options?: WorkerOptions): TestWorker;
}

const silent: Logger = createLogger({
  name: "test",
  level: process.env["PORTOLAN_TEST_LOG"] === "1" ? "debug" : "silent",
});

const region = (slug: string) => ({
  slug,
  name: slug,
  provider: "test",
  country: "ZZ",
  city: slug,
  jurisdiction: "test",
  operator: "test",
  runtime: "process" as const,
  gatewayUrl: "http://127.0.0.1:1",
});

/** The centre on a real Postgres, and as many workers as a test wants. Closed after the file's last test. */
export const testPlane = async (options: PlaneOptions): Promise<TestPlane> => {
  const database = await testDatabase();
  const clients = createClients({ appUrl: database.urls.app, systemUrl: database.urls.system });
  afterAll(() => clients.close());
  const client = clients.system;
  const clock = options.clock ?? seededClock();
  const regions = options.regions ?? ["east", "west"];
  const ids = createIdSource({ clock, random: seededRandom(database.name) });
  await seed({ client, ids, clock, regions: regions.map(region), signupMode: "open" });

  const custody = createCustody({ kek: createStaticKeks([{ id: "test", key: randomBytes(32) }]) });
  const secrets = createWorkerSecrets({ custody, client, ids });
  const coordination = createChainCoordination({ client, ids, clock });
  const ingestUsage = createUsageIngest(client);
  const hints = { onWork: () => () => {} };
  const centre = createPostgresCentrePort({ client, clock, secrets: secrets.centreSecrets, hints, ingestUsage });
  const edge = createPostgresEdgePort({
    client,
    clock,
    notifications: { onEdge: () => () => {} },
    limits: { unitsPerSecond: 100, burstSeconds: 2 },
    ingestUsage,
    insertRequests: () => Promise.resolve(),
  });
  const findFramework = (slug: string) => options.frameworks.find((framework) => framework.slug === slug);
  const random = { bytes: (size: number) => new Uint8Array(randomBytes(size)) };
  let workers = 0;

  return {
    client,
    appClient: clients.app,
    superuserUrl: database.superuserUrl,
    systemUrl: database.urls.system,
    clock,
    ids,
    regions,
    coordination,
    centre,
    edge,
    custody,
    signerFor: secrets.signerFor,
    worker: (gate = openGate, { regions: own = regions, isAsleep = () => false } = {}) => {
      workers += 1;
      const owner = `worker-${workers}`;
      const runtime = intercept("runtime", options.runtime(gate, clock), gate);
      const coordinator = createCoordinator({
        chains: intercept("chains", coordination, gate),
        findFramework,
        signerFor: (spec) => intercept("signer", secrets.signerFor(spec), gate),
        ...intercept("custody", { seal: secrets.seal, reseal: secrets.reseal }, gate),
        random,
        clock,
        operator: { forks: [] },
        log: silent,
        owner,
        leaseMs,
        onOrders: () => {},
      });
      const reconciler = createPlacementReconciler({
        centre: {
          ...intercept("centre", centre, gate),
          renew: async (...lease) => (isAsleep() ? { lost: [] } : centre.renew(...lease)),
        },
        runtimeFor: (slug) => (own.includes(slug) ? runtime : undefined),
        findFramework,
        loadAsset: options.loadAsset ?? (() => new Uint8Array()),
        keys: toPlacementKeys(createWorkerKeys()),
        clock,
        log: silent,
        owner,
        leaseMs,
        backups: options.backups ?? { kind: "directory", path: "/nowhere" },
      });
      return { coordinate: coordinator.coordinate, reconcile: reconciler.reconcile };
    },
  };
};
