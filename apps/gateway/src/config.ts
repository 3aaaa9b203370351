import { homedir } from "node:os";
import { join } from "node:path";
import { type EnvSource, parseEnv } from "@portolan/kit";
import { z } from "zod";
import type { GatewaySettings } from "./gateway.ts";

const port = z.coerce.number().int().min(0).max(65_535);

const schema = z.object({
  PORTOLAN_HOME: z.string().default(join(homedir(), ".portolan")),
  PORTOLAN_REGION: z.string().default("local"),
  PORTOLAN_GATEWAY_HOST: z.string().default("127.0.0.1"),
  PORTOLAN_GATEWAY_PORT: port.default(4200),
  PORTOLAN_GATEWAY_STREAM_PORT: port.optional(),
  /** Postgres, role system: what a gateway beside the centre reads its snapshot from and ships usage to. */
  PORTOLAN_EDGE_DATABASE_URL: z.string().min(1),
  PORTOLAN_LOG_LEVEL: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info"),
});

export interface GatewayConfig {
  settings: GatewaySettings;
  databaseUrl: string;
  logLevel: z.output<typeof schema>["PORTOLAN_LOG_LEVEL"];
}

/** Throws `EnvError` that lists every problem. */
export const loadConfig = (source?: EnvSource): GatewayConfig => {
  const env = parseEnv(schema, source);
  return {
    settings: {
      region: env.PORTOLAN_REGION,
      dir: join(env.PORTOLAN_HOME, "gateway", env.PORTOLAN_REGION),
      host: env.PORTOLAN_GATEWAY_HOST,
      httpPort: env.PORTOLAN_GATEWAY_PORT,
      ...(env.PORTOLAN_GATEWAY_STREAM_PORT === undefined ? {} : { streamPort: env.PORTOLAN_GATEWAY_STREAM_PORT }),
    },
    databaseUrl: env.PORTOLAN_EDGE_DATABASE_URL,
    logLevel: env.PORTOLAN_LOG_LEVEL,
  };
};
