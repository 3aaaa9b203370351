import { type EnvSource, parseEnv } from "@portolan/kit";
import { z } from "zod";
import { defaultLimits, type Limits, noLimits } from "./limits.ts";

const port = z.coerce.number().int().min(0).max(65_535);

const schema = z.object({
  PORTOLAN_API_HOST: z.string().min(1).max(255).default("127.0.0.1"),
  PORTOLAN_API_PORT: port.default(4_100),
  /** Postgres, role app: what tenants are served with. */
  PORTOLAN_APP_DATABASE_URL: z.string().min(1),
  /** Postgres, role system: sign-up, sign-in and credentials, before a tenant is known. */
  PORTOLAN_SYSTEM_DATABASE_URL: z.string().min(1),
  PORTOLAN_JOBS_DATABASE_URL: z.string().min(1).optional(),
  REDIS_URL: z.string().min(1).optional(),
  PORTOLAN_HOME: z.string().min(1),
  /** Networks that development chains may be forked from; `parseForks` has its form. */
  PORTOLAN_FORKS: z.string().default("[]"),
  /** The catalogue of chaincode, as the workers have it; `toCatalogue` has its form. Absent: what ships with it. */
  PORTOLAN_CHAINCODES: z.string().optional(),
  /** Registries that tenants' own images may come from, as the workers have it; `toTenantRegistries` has its form. */
  PORTOLAN_TENANT_REGISTRIES: z.string().max(10_000).optional(),
  /** Whether chaincode at tenants' own addresses may be on private ones, as the workers have it. */
  PORTOLAN_CHAINCODE_PRIVATE: z.enum(["true", "false"]).default("false"),
  /** What stands by, as the workers have it: creations of these kinds look for a chain to adopt; `parseStandby` has its form. */
  PORTOLAN_STANDBY: z.string().default("[]"),
  /** `host:port` of the gateway's TLS listener for gRPC, as developers reach it; absent: there is none. */
  PORTOLAN_GRPC_ADDRESS: z.string().max(262).optional(),
  /** Chains are `<chain>.<domain>` there. */
  PORTOLAN_GRPC_DOMAIN: z.string().max(190).default("chains.localhost"),
  /** PEM of the authority that signs its certificates, where that is not one that everybody trusts. */
  PORTOLAN_GRPC_CA_FILE: z.string().optional(),
  PORTOLAN_LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info"),
  /** Connections of each role. */
  PORTOLAN_API_POOL: z.coerce.number().int().min(1).max(200).default(10),
  /** Addresses or networks of proxies whose X-Forwarded-For is believed, comma-separated. */
  PORTOLAN_TRUSTED_PROXIES: z.string().default(""),
  /** `off` lifts every limit: benchmarks and load tests only. */
  PORTOLAN_API_LIMITS: z.enum(["on", "off"]).default("on"),
});

export type ApiConfig = z.output<typeof schema> & { limits: Limits; trustedProxies: readonly string[] };

/** The API's configuration from the environment; throws a readable error that lists every bad variable. */
export const loadConfig = (source?: EnvSource): ApiConfig => {
  const env = source === undefined ? parseEnv(schema) : parseEnv(schema, source);
  const trustedProxies = env.PORTOLAN_TRUSTED_PROXIES.split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
  return { ...env, trustedProxies, limits: env.PORTOLAN_API_LIMITS === "off" ? noLimits : defaultLimits };
};
