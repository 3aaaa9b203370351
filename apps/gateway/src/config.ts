import { homedir } from "node:os";
import { join } from "node:path";
import { EnvError, type EnvSource, parseEnv } from "@portolan/kit";
import { z } from "zod";
import type { GatewaySettings } from "./gateway.ts";

const port = z.coerce.number().int().min(0).max(65_535);

const schema = z.object({
  PORTOLAN_HOME: z.string().default(join(homedir(), ".portolan")),
  PORTOLAN_REGION: z.string().default("local"),
  PORTOLAN_GATEWAY_HOST: z.string().default("127.0.0.1"),
  PORTOLAN_GATEWAY_PORT: port.default(4200),
  PORTOLAN_GATEWAY_STREAM_PORT: port.optional(),
  /** The TLS listener for gRPC; without it there is none. */
  PORTOLAN_GRPC_PORT: port.optional(),
  /** Chains are `<chain>.<domain>` there. */
  PORTOLAN_GRPC_DOMAIN: z
    .string()
    .max(190)
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "must be a domain in lower case")
    .default("chains.localhost"),
  /** The operator's own certificate and key (PEM) for the domain and its names; without them the gateway makes its own. */
  PORTOLAN_GRPC_CERT_FILE: z.string().optional(),
  PORTOLAN_GRPC_KEY_FILE: z.string().optional(),
  /** MiB of answers that callers don't read; a single one has at most 64. Over it those that read slowest are cut. */
  PORTOLAN_GATEWAY_UNREAD_MIB: z.coerce.number().int().min(128).max(65_536).default(256),
  /** Postgres, role system: what a gateway beside the centre reads its snapshot from and ships usage to. */
  PORTOLAN_EDGE_DATABASE_URL: z.string().min(1),
  PORTOLAN_LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
});

export interface GatewayConfig {
  settings: GatewaySettings;
  databaseUrl: string;
  logLevel: z.output<typeof schema>["PORTOLAN_LOG_LEVEL"];
}

const toGrpc = (env: z.output<typeof schema>): GatewaySettings["grpc"] => {
  const { PORTOLAN_GRPC_PORT, PORTOLAN_GRPC_DOMAIN, PORTOLAN_GRPC_CERT_FILE, PORTOLAN_GRPC_KEY_FILE } = env;
  if (PORTOLAN_GRPC_PORT === undefined) return undefined;
  if ((PORTOLAN_GRPC_CERT_FILE === undefined) !== (PORTOLAN_GRPC_KEY_FILE === undefined))
    throw new EnvError([
      { name: "PORTOLAN_GRPC_CERT_FILE", message: "belongs together with PORTOLAN_GRPC_KEY_FILE: set both, or none" },
    ]);
  const files =
    PORTOLAN_GRPC_CERT_FILE === undefined || PORTOLAN_GRPC_KEY_FILE === undefined
      ? {}
      : { files: { cert: PORTOLAN_GRPC_CERT_FILE, key: PORTOLAN_GRPC_KEY_FILE } };
  return { port: PORTOLAN_GRPC_PORT, domain: PORTOLAN_GRPC_DOMAIN, ...files };
};

/** Throws `EnvError` that lists every problem. */
export const loadConfig = (source?: EnvSource): GatewayConfig => {
  const env = parseEnv(schema, source);
  const grpc = toGrpc(env);
  return {
    settings: {
      region: env.PORTOLAN_REGION,
      dir: join(env.PORTOLAN_HOME, "gateway", env.PORTOLAN_REGION),
      host: env.PORTOLAN_GATEWAY_HOST,
      httpPort: env.PORTOLAN_GATEWAY_PORT,
      unreadBytes: env.PORTOLAN_GATEWAY_UNREAD_MIB * 1024 * 1024,
      ...(grpc === undefined ? {} : { grpc }),
      ...(env.PORTOLAN_GATEWAY_STREAM_PORT === undefined ? {} : { streamPort: env.PORTOLAN_GATEWAY_STREAM_PORT }),
    },
    databaseUrl: env.PORTOLAN_EDGE_DATABASE_URL,
    logLevel: env.PORTOLAN_LOG_LEVEL,
  };
};
