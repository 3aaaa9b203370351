import { createHash } from "node:crypto";
import type { DatabaseUrls, UpSettings } from "./settings.ts";

export type ChildName = "api" | "worker" | "gateway";

export interface ChildEnvironmentInput {
  settings: Pick<
    UpSettings,
    "redisUrl" | "programs" | "forks" | "chaincodes" | "standby" | "logLevel" | "passedEnvironment"
  >;
  home: string;
  urls: DatabaseUrls;
  apiPort: number;
  gatewayPort: number;
}

/** Marks every process of one home, so that they can be told from another instance's. */
export const instanceOf = (home: string): string => createHash("sha256").update(home).digest("hex").slice(0, 16);

/**
 * The environment of each process: what it needs and nothing else. No process gets the database's owner role, and the
 * gateway gets neither the role of tenants nor the queue.
 */
export const childEnvironment = (name: ChildName, input: ChildEnvironmentInput): { [name: string]: string } => {
  const { settings, urls } = input;
  const shared = {
    ...settings.passedEnvironment,
    PORTOLAN_HOME: input.home,
    PORTOLAN_INSTANCE: instanceOf(input.home),
    PORTOLAN_LOG_LEVEL: settings.logLevel,
    NODE_ENV: "production",
  };
  const queue = settings.redisUrl === undefined ? {} : { REDIS_URL: settings.redisUrl };
  switch (name) {
    case "api":
      return {
        ...shared,
        ...queue,
        PORTOLAN_API_HOST: "127.0.0.1",
        PORTOLAN_API_PORT: String(input.apiPort),
        PORTOLAN_GATEWAY_URL: `http://127.0.0.1:${input.gatewayPort}`,
        PORTOLAN_APP_DATABASE_URL: urls.app,
        PORTOLAN_SYSTEM_DATABASE_URL: urls.system,
        PORTOLAN_STANDBY: settings.standby,
        ...(settings.forks === undefined ? {} : { PORTOLAN_FORKS: settings.forks }),
        ...(settings.chaincodes === undefined ? {} : { PORTOLAN_CHAINCODES: settings.chaincodes }),
      };
    case "worker":
      return {
        ...shared,
        ...queue,
        PORTOLAN_SYSTEM_DATABASE_URL: urls.system,
        PORTOLAN_REGIONS: "local",
        PORTOLAN_PROGRAMS: settings.programs,
        PORTOLAN_STANDBY: settings.standby,
        ...(settings.forks === undefined ? {} : { PORTOLAN_FORKS: settings.forks }),
        ...(settings.chaincodes === undefined ? {} : { PORTOLAN_CHAINCODES: settings.chaincodes }),
      };
    case "gateway":
      return {
        ...shared,
        PORTOLAN_EDGE_DATABASE_URL: urls.system,
        PORTOLAN_REGION: "local",
        PORTOLAN_GATEWAY_HOST: "127.0.0.1",
        PORTOLAN_GATEWAY_PORT: String(input.gatewayPort),
      };
  }
};
