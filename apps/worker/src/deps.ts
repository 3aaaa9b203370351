import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { createCustody, createWorkerKeys, openKeyFile } from "@portolan/custody";
import { createIdSource, systemClock } from "@portolan/domain";
import {
  createRegistry,
  type Framework,
  loadAsset,
  type OperatorConfig,
  parseStandby,
  toCatalogue,
  toStandbyTarget,
  toTenantRegistries,
} from "@portolan/frameworks";
import {
  centralQueues,
  createJobConsumer,
  createJobProducer,
  type JobConnection,
  placementsQueue,
  toJobConnection,
} from "@portolan/jobs";
import type { Logger } from "@portolan/kit";
import { createProgramFinder, readRegionsFile, type SnapshotStore } from "@portolan/runtimes";
import {
  createChainCoordination,
  createClients,
  createNotifications,
  createPartKeyAnswers,
  createPostgresCentrePort,
  createStandbyPool,
  createUsageIngest,
  holdsSealedSecrets,
  jobsSchema,
  meterBackups,
  meterStorage,
  pruneStore,
  reportRegion,
  sealAudit,
} from "@portolan/store";
import type { WorkerConfig } from "./config.ts";
import { startForwarder } from "./forwarder.ts";
import { createJobHandlers } from "./handlers/job-handlers.ts";
import { keepStarting } from "./keep-starting.ts";
import { createPartKeyAnswerer } from "./loops/answer-part-keys.ts";
import { every, type Loop } from "./loops/every.ts";
import { createStandbyKeeper } from "./loops/keep-standby.ts";
import { createRegionReporter } from "./loops/report-regions.ts";
import { serveRegions } from "./regions.ts";
import { createWorkerSecrets, toPlacementKeys } from "./secrets.ts";
import { stopNodes } from "./stop-nodes.ts";
import { createWorker } from "./worker.ts";

export interface RunningWorker {
  start(): Promise<void>;
  /** Ends loops and passes; nodes go on running unless `nodes`. */
  close(options: { nodes: boolean }): Promise<void>;
}

/** Longer than the start of a small node; a larger one is followed by hints and further passes. */
const settleMs = 1_500;

const regionReportMs = 5_000;
const regionTimeoutMs = 10_000;
/** A start waits for this long to know what its regions can do. */
const firstRegionTimeoutMs = 3_000;
const standbyEveryMs = 1_000;
/** Where nothing is to stand by, there may still be something of another day's list to remove. */
const idleStandbyEveryMs = 30_000;
/** Keys of the plane itself, not of any tenant's chain. */
const planeOwner = { tenantId: "plane", chainId: "audit" };
const checkpointKey = "audit-checkpoint";

const toConnection = (config: WorkerConfig): JobConnection =>
  toJobConnection({
    redisUrl: config.REDIS_URL,
    databaseUrl: config.PORTOLAN_JOBS_DATABASE_URL ?? config.PORTOLAN_SYSTEM_DATABASE_URL,
    schema: jobsSchema,
  });

/**
 * Joins everything a worker consists of. Opens nothing that `close` does not close. `frameworks`: besides those that
 * ship with Portolan; the API must have the same.
 */
export const assembleWorker = async (
  config: WorkerConfig,
  log: Logger,
  { frameworks = [] }: { frameworks?: readonly Framework[] } = {},
): Promise<RunningWorker> => {
  const clock = systemClock;
  const random = { bytes: (size: number) => new Uint8Array(randomBytes(size)) };
  const ids = createIdSource({ clock, random });
  const url = config.PORTOLAN_SYSTEM_DATABASE_URL;
  const clients = createClients({ appUrl: url, systemUrl: url, applicationName: "portolan-worker" });
  const client = clients.system;
  const renewals = createClients({
    appUrl: url,
    systemUrl: url,
    applicationName: "portolan-worker-leases",
    poolSize: 1,
  });
  const notifications = createNotifications({ url, channels: ["work"], log: (line) => log.info(line) });
  const custody = createCustody({
    kek: await openKeyFile(join(config.PORTOLAN_HOME, "kek"), {
      // A new key in place of a lost one would seal what is new and hide that the old is lost.
      mayMake: async () => !(await holdsSealedSecrets(client)),
    }),
  });
  const secrets = createWorkerSecrets({ custody, client, ids });
  const centre = createPostgresCentrePort({
    client,
    renewals: renewals.system,
    clock,
    secrets: secrets.centreSecrets,
    hints: notifications,
    ingestUsage: createUsageIngest(client),
  });

  const home = config.PORTOLAN_HOME;
  await mkdir(join(home, "nodes"), { recursive: true, mode: 0o755 });
  const programs = createProgramFinder({
    searchPath: "/usr/local/bin:/usr/bin:/bin",
    ...(config.PORTOLAN_PROGRAMS === undefined ? {} : { programsDir: config.PORTOLAN_PROGRAMS }),
  });
  const declared = await readRegionsFile(config.PORTOLAN_REGIONS_FILE ?? join(home, "regions.json"));
  const { slugs: regions, runtimes } = serveRegions(config.regions, declared ?? [], { home, clock, log, programs });
  const registry = createRegistry(frameworks);
  const forwarder = await startForwarder(config, log);
  const operator: OperatorConfig = {
    ...forwarder.operator,
    ...toCatalogue(config.PORTOLAN_CHAINCODES),
    ...toTenantRegistries(config.PORTOLAN_TENANT_REGISTRIES),
  };
  const backups: SnapshotStore = {
    kind: "directory",
    path: resolve(config.PORTOLAN_BACKUPS ?? join(config.PORTOLAN_HOME, "backups")),
    maxBytes: config.PORTOLAN_BACKUP_MAX_BYTES,
  };
  await mkdir(backups.path, { recursive: true, mode: 0o700 });
  const owner = `${hostname()}/${process.pid}/${Buffer.from(randomBytes(4)).toString("hex")}`;
  const coordination = createChainCoordination({ client, ids, clock });
  const connection = toConnection(config);
  const producer = createJobProducer(connection, { log });

  const regionReporter = createRegionReporter({
    runtimes,
    report: (region, report) => reportRegion({ client, clock }, region, report),
    onRecovery: (region) => worker.recheck(region),
    clock,
    log,
  });
  const worker = createWorker({
    coordinator: {
      chains: coordination,
      findFramework: (slug) => registry.find(slug),
      signerFor: secrets.signerFor,
      seal: secrets.seal,
      reseal: secrets.reseal,
      random,
      clock,
      operator,
      log,
      owner,
      leaseMs: config.PORTOLAN_LEASE_MS,
    },
    placements: {
      centre,
      runtimeFor: (region) => (regionReporter.canWork(region) ? runtimes.get(region) : undefined),
      findFramework: (slug) => registry.find(slug),
      loadAsset,
      keys: toPlacementKeys(createWorkerKeys()),
      clock,
      log,
      owner,
      leaseMs: config.PORTOLAN_LEASE_MS,
      settleMs,
      backups,
    },
    coordination,
    centre,
    regions,
    runtimes,
    canWork: regionReporter.canWork,
    producer,
    onChainHint: (callback) =>
      notifications.onWork((hint) => {
        if (hint?.chainId !== undefined) callback(hint.chainId);
      }),
    clock,
    log,
    sweepMs: config.PORTOLAN_SWEEP_MS,
    concurrency: 16,
  });

  const answerPartKeys = createPartKeyAnswerer({
    requests: createPartKeyAnswers({ client, clock }),
    findFramework: (slug) => registry.find(slug),
    lend: secrets.lend,
    clock,
    log,
  });
  const onPartKeyError = (err: unknown): void => log.warn({ err }, "answering gateways failed");
  const offPartKeys = notifications.onWork((hint) => {
    if (hint === null || hint.partKeyRequest === true) answerPartKeys().catch(onPartKeyError);
  });
  let partKeys: Loop | undefined;

  const signer = secrets.signerFor(planeOwner);
  const consumer = createJobConsumer({
    connection,
    queues: [...centralQueues, ...regions.map(placementsQueue)],
    log,
    handlers: createJobHandlers({
      coordinate: worker.coordinate,
      reconcile: worker.reconcile,
      sweep: async () => {
        for (const id of await coordination.due(500)) worker.coordinate(id);
        for (const id of await centre.due(regions, 500)) worker.reconcile(id);
      },
      sealAudit: async () => {
        await signer.createKey(checkpointKey, "ed25519");
        await sealAudit({
          client,
          ids,
          clock,
          sign: async (data) => ({ signature: await signer.sign(checkpointKey, data), keyRef: checkpointKey }),
        });
      },
      meterStorage: async () => {
        await meterStorage({ client, clock });
        await meterBackups({ client, clock });
      },
      prune: () => pruneStore({ client, clock }),
    }),
  });

  const targets = parseStandby(config.PORTOLAN_STANDBY).flatMap((entry) => {
    if (!regions.includes(entry.region)) return [];
    const target = toStandbyTarget(entry, (slug) => registry.find(slug));
    if (target === null) log.warn({ entry }, "no such chain can stand by");
    return target === null ? [] : [target];
  });
  const pool = createStandbyPool({ client, ids, clock });
  const keepStandby = createStandbyKeeper({ pool, targets, regions, clock, log });
  let standby: Loop | undefined;
  let regionReports: Loop | undefined;
  const stopping = new AbortController();
  return {
    start: async () => {
      await notifications.start();
      await regionReporter.report(firstRegionTimeoutMs);
      regionReports = every(
        regionReportMs,
        () => regionReporter.report(regionTimeoutMs),
        (err) => log.warn({ err }, "telling of regions failed"),
      );
      worker.start();
      partKeys = every(config.PORTOLAN_SWEEP_MS, answerPartKeys, onPartKeyError);
      const everyMs = targets.length > 0 ? standbyEveryMs : idleStandbyEveryMs;
      standby = every(everyMs, keepStandby, (err) => log.warn({ err }, "looking after stand-by chains failed"));
      void keepStarting(consumer, { log, signal: stopping.signal });
    },
    close: async ({ nodes }) => {
      stopping.abort();
      offPartKeys();
      await Promise.all([standby?.close(), partKeys?.close(), regionReports?.close()]);
      await consumer.close();
      await worker.close();
      const reached = new Map([...runtimes].filter(([region]) => regionReporter.canWork(region)));
      if (nodes) await stopNodes({ centre, runtimes: reached, owner, leaseMs: config.PORTOLAN_LEASE_MS, log });
      await producer.close();
      await forwarder.close();
      await notifications.close();
      await Promise.all([clients.close(), renewals.close()]);
    },
  };
};
