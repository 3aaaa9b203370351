import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { parseStandby } from "@portolan/frameworks";
import { type EnvSource, parseEnv } from "@portolan/kit";
import { z } from "zod";
import { CliFailure, exitCodes } from "../failure.ts";

const portError = { error: "must be a number from 0 to 65535" };

/** Of a variable; 0 is any free port. */
export const port = z.coerce.number(portError).int(portError).min(0, portError).max(65_535, portError);

const schema = z.object({
  PORTOLAN_HOME: z.string().optional(),
  PORTOLAN_API_PORT: port.default(4100),
  PORTOLAN_GATEWAY_PORT: port.default(4200),
  PORTOLAN_GRPC_PORT: port.default(4201),
  PORTOLAN_PROGRAMS: z.string().optional(),
  /** Where backups are kept; default: in the home. */
  PORTOLAN_BACKUPS: z.string().min(1).optional(),
  /** The operator's regions; default: `regions.json` in the home. */
  PORTOLAN_REGIONS_FILE: z.string().min(1).optional(),
  PORTOLAN_FORKS: z.string().optional(),
  PORTOLAN_CHAINCODES: z.string().optional(),
  PORTOLAN_TENANT_REGISTRIES: z.string().optional(),
  PORTOLAN_CHAINCODE_PRIVATE: z.enum(["true", "false"]).optional(),
  /** One development chain stands by, so that the next one asked for is there at once; `[]`: none. */
  PORTOLAN_STANDBY: z.string().default('[{"framework":"anvil","plan":"dev","region":"local","count":1}]'),
  PORTOLAN_LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info"),
  /** A database of the operator's own instead of the embedded one: all three, or none. */
  DATABASE_OWNER_URL: z.string().optional(),
  DATABASE_URL: z.string().optional(),
  DATABASE_SYSTEM_URL: z.string().optional(),
  REDIS_URL: z.string().optional(),
});

/** What children get of our environment besides their configuration: where programs are, language, time zone. */
const passed = z.object({
  PATH: z.string().optional(),
  HOME: z.string().optional(),
  LANG: z.string().optional(),
  LC_ALL: z.string().optional(),
  TZ: z.string().optional(),
  TMPDIR: z.string().optional(),
  NODE_EXTRA_CA_CERTS: z.string().optional(),
  SystemRoot: z.string().optional(),
  /** Tuning that each process judges itself. */
  PORTOLAN_API_LIMITS: z.string().optional(),
  PORTOLAN_API_POOL: z.string().optional(),
  PORTOLAN_SWEEP_MS: z.string().optional(),
  PORTOLAN_LEASE_MS: z.string().optional(),
  PORTOLAN_BACKUP_MAX_BYTES: z.string().optional(),
  PORTOLAN_GATEWAY_UNREAD_MIB: z.string().optional(),
});

const grpcPassed = z.object({
  PORTOLAN_GRPC_DOMAIN: z.string().optional(),
  PORTOLAN_GRPC_CERT_FILE: z.string().optional(),
  PORTOLAN_GRPC_KEY_FILE: z.string().optional(),
});

const onlySet = (env: { readonly [name: string]: string | undefined }): { [name: string]: string } =>
  Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));

export interface DatabaseUrls {
  owner: string;
  app: string;
  system: string;
}

export interface UpSettings {
  /** The top of the checkout. */
  root: string;
  /** The home that was asked for; `usableHome` may choose another. */
  wishedHome: string;
  apiPort: number;
  gatewayPort: number;
  /** Of the gateway's TLS listener for gRPC. */
  grpcPort: number;
  /** What the gateway is told of that listener besides: domain and certificate files of the operator's. */
  grpcEnvironment: { readonly [name: string]: string };
  /** Undefined: the embedded Postgres. */
  database: DatabaseUrls | undefined;
  redisUrl: string | undefined;
  programs: string;
  /** The operator's regions; absent: `regions.json` in the home. */
  regionsFile?: string | undefined;
  /** Directory of backups; absent: in the home. */
  backups?: string | undefined;
  forks: string | undefined;
  /** The catalogue of chaincode; absent: what ships with Portolan. */
  chaincodes?: string | undefined;
  tenantRegistries?: string | undefined;
  chaincodePrivate?: "true" | "false" | undefined;
  /** As JSON: which chains stand by (`parseStandby`). */
  standby: string;
  logLevel: "debug" | "info" | "warn" | "error";
  passedEnvironment: { readonly [name: string]: string };
}

const toDatabase = (env: z.output<typeof schema>): DatabaseUrls | undefined => {
  const given = { owner: env.DATABASE_OWNER_URL, app: env.DATABASE_URL, system: env.DATABASE_SYSTEM_URL };
  const { owner, app, system } = given;
  if (owner !== undefined && app !== undefined && system !== undefined) return { owner, app, system };
  if (owner === undefined && app === undefined && system === undefined) return undefined;
  throw new CliFailure("DATABASE_OWNER_URL, DATABASE_URL and DATABASE_SYSTEM_URL belong together.", {
    exitCode: exitCodes.usage,
    hint: "Set all three to use a Postgres of your own, or none to use the embedded one.",
  });
};

/** Its form is looked at here, so that a mistake is one sentence and not three processes that don't start. */
const checkStandby = (text: string): string => {
  try {
    parseStandby(text);
    return text;
  } catch (error) {
    throw new CliFailure(error instanceof Error ? error.message : "PORTOLAN_STANDBY can't be read.", {
      exitCode: exitCodes.usage,
      hint: "Leave it out for one development chain that stands by; [] is none.",
    });
  }
};

/** @throws EnvError, or CliFailure when only a part of a database is given or a list is none. */
export const readUpSettings = (root: string, source?: EnvSource): UpSettings => {
  const env = parseEnv(schema, source);
  return {
    root,
    wishedHome: resolve(env.PORTOLAN_HOME ?? join(root, ".portolan")),
    apiPort: env.PORTOLAN_API_PORT,
    gatewayPort: env.PORTOLAN_GATEWAY_PORT,
    grpcPort: env.PORTOLAN_GRPC_PORT,
    grpcEnvironment: onlySet(parseEnv(grpcPassed, source)),
    database: toDatabase(env),
    redisUrl: env.REDIS_URL,
    programs: resolve(env.PORTOLAN_PROGRAMS ?? join(homedir(), ".portolan", "programs")),
    backups: env.PORTOLAN_BACKUPS === undefined ? undefined : resolve(env.PORTOLAN_BACKUPS),
    regionsFile: env.PORTOLAN_REGIONS_FILE === undefined ? undefined : resolve(env.PORTOLAN_REGIONS_FILE),
    forks: env.PORTOLAN_FORKS,
    chaincodes: env.PORTOLAN_CHAINCODES,
    tenantRegistries: env.PORTOLAN_TENANT_REGISTRIES,
    chaincodePrivate: env.PORTOLAN_CHAINCODE_PRIVATE,
    standby: checkStandby(env.PORTOLAN_STANDBY),
    logLevel: env.PORTOLAN_LOG_LEVEL,
    passedEnvironment: onlySet(parseEnv(passed, source)),
  };
};
