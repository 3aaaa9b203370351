import { createHash } from "node:crypto";
import { join } from "node:path";
import { memoryEnvironment } from "@portolan/kit";
import type { DatabaseUrls, UpSettings } from "./settings.ts";

export type ChildName = "api" | "worker" | "gateway";

export interface ChildEnvironmentInput {
  settings: Pick<
    UpSettings,
    | "redisUrl"
    | "programs"
    | "backups"
    | "regionsFile"
    | "forks"
    | "chaincodes"
    | "tenantRegistries"
    | "chaincodePrivate"
    | "standby"
    | "logLevel"
    | "passedEnvironment"
    | "grpcEnvironment"
  >;
  home: string;
  urls: DatabaseUrls;
  apiPort: number;
  gatewayPort: number;
  grpcPort: number;
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
  const { PORTOLAN_GRPC_DOMAIN, PORTOLAN_GRPC_CERT_FILE } = settings.grpcEnvironment;
  const queue = settings.redisUrl === undefined ? {} : { REDIS_URL: settings.redisUrl };
  switch (name) {
    case "api":
      return {
        ...shared,
        ...queue,
        PORTOLAN_API_HOST: "127.0.0.1",
        PORTOLAN_API_PORT: String(input.apiPort),
        PORTOLAN_GATEWAY_URL: `http://127.0.0.1:${input.gatewayPort}`,
        PORTOLAN_GRPC_ADDRESS: `127.0.0.1:${input.grpcPort}`,
        ...(PORTOLAN_GRPC_DOMAIN === undefined ? {} : { PORTOLAN_GRPC_DOMAIN }),
        // The gateway's own authority, which callers must trust where the operator has no certificate.
        ...(PORTOLAN_GRPC_CERT_FILE === undefined
          ? { PORTOLAN_GRPC_CA_FILE: join(input.home, "gateway", "local", "tls", "ca.pem") }
          : {}),
        PORTOLAN_APP_DATABASE_URL: urls.app,
        PORTOLAN_SYSTEM_DATABASE_URL: urls.system,
        PORTOLAN_STANDBY: settings.standby,
        ...(settings.forks === undefined ? {} : { PORTOLAN_FORKS: settings.forks }),
        ...(settings.chaincodes === undefined ? {} : { PORTOLAN_CHAINCODES: settings.chaincodes }),
        ...(settings.tenantRegistries === undefined ? {} : { PORTOLAN_TENANT_REGISTRIES: settings.tenantRegistries }),
        ...(settings.chaincodePrivate === undefined ? {} : { PORTOLAN_CHAINCODE_PRIVATE: settings.chaincodePrivate }),
      };
    case "worker":
      return {
        ...shared,
        ...memoryEnvironment,
        ...queue,
        PORTOLAN_SYSTEM_DATABASE_URL: urls.system,
        PORTOLAN_REGIONS_FILE: settings.regionsFile ?? join(input.home, "regions.json"),
        PORTOLAN_PROGRAMS: settings.programs,
        ...(settings.backups === undefined ? {} : { PORTOLAN_BACKUPS: settings.backups }),
        PORTOLAN_STANDBY: settings.standby,
        ...(settings.forks === undefined ? {} : { PORTOLAN_FORKS: settings.forks }),
        ...(settings.chaincodes === undefined ? {} : { PORTOLAN_CHAINCODES: settings.chaincodes }),
        ...(settings.tenantRegistries === undefined ? {} : { PORTOLAN_TENANT_REGISTRIES: settings.tenantRegistries }),
        ...(settings.chaincodePrivate === undefined ? {} : { PORTOLAN_CHAINCODE_PRIVATE: settings.chaincodePrivate }),
      };
    case "gateway":
      return {
        ...shared,
        PORTOLAN_EDGE_DATABASE_URL: urls.system,
        PORTOLAN_REGION: "local",
        PORTOLAN_GATEWAY_HOST: "127.0.0.1",
        PORTOLAN_GATEWAY_PORT: String(input.gatewayPort),
        PORTOLAN_GRPC_PORT: String(input.grpcPort),
        ...settings.grpcEnvironment,
      };
  }
};
