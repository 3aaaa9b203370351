import { parseEnv } from "@portolan/kit";
import { z } from "zod";

const schema = z.object({
  /** Postgres, role system. */
  PORTOLAN_SYSTEM_DATABASE_URL: z.string().min(1),
  /** Postgres of the job queue; the one above unless told. Unused with REDIS_URL. */
  PORTOLAN_JOBS_DATABASE_URL: z.string().min(1).optional(),
  REDIS_URL: z.string().min(1).optional(),
  PORTOLAN_HOME: z.string().min(1),
  /** Slugs of the regions whose placements this worker reconciles, comma-separated; default: `local` and all declared. */
  PORTOLAN_REGIONS: z.string().optional(),
  /** The operator's regions and what each runs on; default: `regions.json` in PORTOLAN_HOME, which need not exist. */
  PORTOLAN_REGIONS_FILE: z.string().min(1).optional(),
  PORTOLAN_PROGRAMS: z.string().optional(),
  /** JSON list of `{ name, url, chainId, allowPrivate? }`: networks that development chains may fork. */
  PORTOLAN_FORKS: z.string().default("[]"),
  /** JSON list of `{ name, title, program, version, image }`: the catalogue of chaincode; absent: what ships with it. */
  PORTOLAN_CHAINCODES: z.string().optional(),
  /** Registries that tenants' own images may come from: hosts with commas between; absent: `defaultTenantRegistries`. */
  PORTOLAN_TENANT_REGISTRIES: z.string().max(10_000).optional(),
  /** Whether chaincode at tenants' own addresses may be on private ones: for an operator's own network and for tests. */
  PORTOLAN_CHAINCODE_PRIVATE: z.enum(["true", "false"]).default("false"),
  /** JSON list of `{ framework, version?, plan, region, count }`: chains that stand by in this worker's regions. */
  PORTOLAN_STANDBY: z.string().default("[]"),
  /** Directory of this region's backups; default: `backups` in PORTOLAN_HOME. */
  PORTOLAN_BACKUPS: z.string().min(1).optional(),
  /** The most data of one chain in one region that a backup may hold; default 64 GiB. */
  PORTOLAN_BACKUP_MAX_BYTES: z.coerce
    .number()
    .int()
    .min(1)
    .default(64 * 1024 ** 3),
  PORTOLAN_LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info"),
  PORTOLAN_SWEEP_MS: z.coerce.number().int().min(100).max(60_000).default(5_000),
  PORTOLAN_LEASE_MS: z.coerce.number().int().min(1_000).max(120_000).default(15_000),
});

export type WorkerConfig = z.output<typeof schema> & { regions: readonly string[] | undefined };

/** The worker's configuration from the environment; throws a readable error that lists every bad variable. */
export const loadConfig = (): WorkerConfig => {
  const env = parseEnv(schema);
  return {
    ...env,
    regions: env.PORTOLAN_REGIONS?.split(",")
      .map((slug) => slug.trim())
      .filter((slug) => slug !== ""),
  };
};
