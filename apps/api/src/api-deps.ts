import type { Authenticator, PasswordHasher, SessionTokens } from "@portolan/access";
import type { Custody, PassphraseCost } from "@portolan/custody";
import type { Clock, IdSource, Random } from "@portolan/domain";
import type { FrameworkRegistry, OperatorConfig, StandbyTarget } from "@portolan/frameworks";
import type { JobProducer } from "@portolan/jobs";
import type { Health, Metrics, ServerLogger } from "@portolan/kit";
import type { StoreClients } from "@portolan/store";
import type { GrpcAddress } from "./grpc-address.ts";
import type { Limits } from "./limits.ts";
import type { UpdateHub } from "./update-hub.ts";

/** What the app is made of; `deps.ts` and tests put it together, nothing below opens anything. */
export interface ApiDeps {
  clients: Pick<StoreClients, "app" | "system">;
  clock: Clock;
  ids: IdSource;
  random: Random;
  frameworks: FrameworkRegistry;
  operator: OperatorConfig;
  /** Kinds of chains that stand by somewhere; a creation of another kind doesn't look for one. */
  standby: readonly StandbyTarget[];
  jobs: Pick<JobProducer, "wake">;
  tokens: SessionTokens;
  passwords: PasswordHasher;
  authenticator: Authenticator;
  updates: UpdateHub;
  health: Health;
  metrics: Metrics;
  log: ServerLogger;
  limits: Limits;
  /** Opens and seals a chain's keys where they leave this plane or come to it. */
  custody: Pick<Custody, "seal" | "open">;
  /** Of the key from an export's pass phrase; absent: the usual one. */
  passphraseCost?: PassphraseCost;
  /** Absent: chains are not reached by gRPC from outside. */
  grpcAddress?: GrpcAddress;
  /** Keys the hash of requests that carry an `Idempotency-Key`: a plain hash of a password would be one to guess at. */
  requestHashKey: Uint8Array;
  /** Addresses of proxies whose `X-Forwarded-For` is believed; none unless told. */
  trustedProxies?: readonly string[];
  /** Aborted when the process stops: held answers end then. */
  signal?: AbortSignal;
  logWaitMs?: number;
}
