import { randomBytes } from "node:crypto";
import { systemClock } from "@portolan/domain";
import { findFramework } from "@portolan/frameworks";
import { createMetrics, type Logger } from "@portolan/kit";
import {
  createClients,
  createNotifications,
  createPostgresEdgePort,
  createRequestLogWriter,
  createUsageIngest,
} from "@portolan/store";
import type { GatewayConfig } from "./config.ts";
import { buildGateway, type Gateway } from "./gateway.ts";

/** CU a second for each key on chains whose plan names no limit. */
const defaultLimits = { unitsPerSecond: 1_000, burstSeconds: 10 };

const factsOf = (slug: string, plan: string) => findFramework(slug)?.plans.find((facts) => facts.plan === plan);

/** Joins the gateway with the centre's Postgres. Opens nothing that `stop` does not close. */
export const assembleGateway = async ({ settings, databaseUrl }: GatewayConfig, log: Logger): Promise<Gateway> => {
  const clients = createClients({
    appUrl: databaseUrl,
    systemUrl: databaseUrl,
    poolSize: 4,
    applicationName: "portolan-gateway",
  });
  const client = clients.system;
  const notifications = createNotifications({ url: databaseUrl, channels: ["edge"], log: (line) => log.info(line) });
  const gateway = buildGateway(
    {
      port: createPostgresEdgePort({
        client,
        clock: systemClock,
        notifications,
        limits: defaultLimits,
        ingestUsage: createUsageIngest(client),
        insertRequests: createRequestLogWriter(client),
      }),
      frameworks: {
        protocols: (slug) => findFramework(slug)?.protocols ?? [],
        unitsPerSecond: (slug, plan) => {
          const limit = factsOf(slug, plan)?.limits["unitsPerSecond"];
          return typeof limit === "number" ? limit : undefined;
        },
        hasRecoveryWindow: (slug, plan) => (factsOf(slug, plan)?.recoveryWindowSeconds ?? 0) > 0,
      },
      log,
      clock: systemClock,
      random: { bytes: (size) => randomBytes(size) },
      metrics: createMetrics({ hasProcessMetrics: true }),
    },
    settings,
  );
  return {
    metering: gateway.metering,
    start: async () => {
      // The database may be away: the gateway serves from its disk, and the listener comes back by itself.
      notifications.start().catch((err: unknown) => log.warn({ err }, "changes can't be heard yet"));
      return await gateway.start();
    },
    stop: async () => {
      await gateway.stop();
      await notifications.close();
      await clients.close();
    },
  };
};
