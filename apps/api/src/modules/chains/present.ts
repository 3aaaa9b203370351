import type { ChainEventResource, ChainResource, NodeResource } from "@portolan/contract";
import type { Condition, JsonObject, OutsideAddress, Phase } from "@portolan/domain";
import { phases } from "@portolan/domain";
import type { FrameworkRegistry } from "@portolan/frameworks";
import type { ChainEventRow, ChainRow, NodeRow } from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";

const toPhase = (text: string): Phase => phases.find((phase) => phase === text) ?? "pending";

/** Region slug → the public URL of its gateway; and where the gateway takes gRPC, if it does. */
export interface GatewayPlaces {
  urls: ReadonlyMap<string, string>;
  grpcAddress: ApiDeps["grpcAddress"];
}

/** gRPC has no paths: the chain is the name that is asked for, on the listener's port. */
const grpcUrl = (chainId: string, { grpcAddress }: GatewayPlaces): string | undefined => {
  const found = grpcAddress?.of(chainId);
  return found && `grpcs://${found.serverName}:${found.address.slice(found.address.lastIndexOf(":") + 1)}`;
};

/** Nothing where the settings are of an older release, which its framework does not read any more. */
const planDefaultsOf = (row: ChainRow, frameworks: FrameworkRegistry): Pick<ChainResource, "planDefaults"> => {
  const { plan } = row;
  try {
    const found = frameworks.find(row.framework)?.planDefaults?.({ plan, settings: row.settings as JsonObject });
    return found === undefined || Object.keys(found).length === 0 ? {} : { planDefaults: found };
  } catch {
    return {};
  }
};

export const presentChain = (row: ChainRow, frameworks: FrameworkRegistry, places: GatewayPlaces): ChainResource => {
  const isGone = row.wish === "deleted" || row.wish === "purged";
  const protocols = frameworks.find(row.framework)?.protocols ?? [];
  const endpoints = row.regions.flatMap((region) => {
    const gateway = places.urls.get(region);
    if (gateway === undefined || isGone) return [];
    return protocols.flatMap(({ name }) => {
      const url = name === "grpc" ? grpcUrl(row.id, places) : `${gateway.replace(/\/$/, "")}/${row.id}`;
      return url === undefined ? [] : [{ protocol: name, region, url }];
    });
  });
  return {
    id: row.id,
    appId: row.appId,
    name: row.name,
    framework: row.framework,
    version: row.version,
    plan: row.plan,
    hosting: row.hosting === "shared" ? "shared" : "dedicated",
    regions: row.regions,
    settings: row.settings as ChainResource["settings"],
    ...planDefaultsOf(row, frameworks),
    generation: row.generation,
    observedGeneration: row.observedGeneration,
    phase: toPhase(row.phase),
    conditions: row.conditions as unknown as Condition[],
    endpoints,
    createdAt: row.createdAt.toISOString(),
    ...(row.deletedAt === null ? {} : { deletedAt: row.deletedAt.toISOString() }),
    ...(row.purgeAt === null ? {} : { purgeAt: row.purgeAt.toISOString() }),
  };
};

const toOutside = (found: OutsideAddress | undefined): Pick<NodeResource, "outside"> =>
  found === undefined
    ? {}
    : {
        outside: {
          ...{ host: found.host, port: found.number },
          ...(found.serverName === undefined ? {} : { serverName: found.serverName }),
        },
      };

/** `outside`: by placement and node, as `chainRepository.outsideOf` has it. */
export const presentNode = (row: NodeRow, outside: ReadonlyMap<string, OutsideAddress>): NodeResource => ({
  id: row.id,
  name: row.name,
  role: row.role,
  region: row.region,
  version: row.version,
  state: row.state as NodeResource["state"],
  isHealthy: row.isHealthy,
  ...(row.reason === null ? {} : { reason: row.reason }),
  ...(row.message === null ? {} : { message: row.message }),
  ...(row.height === null ? {} : { height: row.height }),
  ...(row.storageBytes === null ? {} : { storageBytes: row.storageBytes.toString() }),
  ...(row.startedAt === null ? {} : { startedAt: row.startedAt.toISOString() }),
  ...toOutside(outside.get(`${row.placementId}/${row.name}`)),
});

export const presentChainEvent = (row: ChainEventRow): ChainEventResource => ({
  id: row.id,
  type: row.type,
  reason: row.reason,
  message: row.message,
  detail: row.detail as ChainEventResource["detail"],
  createdAt: row.createdAt.toISOString(),
});
