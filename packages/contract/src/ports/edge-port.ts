import type { JsonObject } from "@portolan/domain";
import type { RequestStatus } from "../resources/usage.ts";
import type { UsageBatch } from "./centre-port.ts";

/** How the gateway answers for a chain: `open` forwards, everything else refuses with its own reason. */
export type RouteState = "open" | "starting" | "paused" | "asleep" | "unhealthy" | "deleted" | "suspended";

export interface RouteTarget {
  region: string;
  node: string;
  port: string;
  /** `name`: what the node's certificate is for, where that is another than the host that is dialled. */
  via: { kind: "address"; host: string; port: number; name?: string } | { kind: "relay"; url: string };
}

/** One chain as the gateway of a region needs it. */
export interface EdgeRoute {
  chainId: string;
  tenantId: string;
  appId: string;
  regionId: string;
  framework: string;
  plan: string;
  state: RouteState;
  reason: string;
  /** By protocol name. */
  targets: { readonly [protocol: string]: readonly RouteTarget[] };
  /** Framework facts the pipeline needs (an EVM chain id, for instance). */
  facts: { readonly [name: string]: string };
  /** Grows with each change of the row; an older message is dropped. */
  version: string;
}

export interface EdgeKey {
  id: string;
  tenantId: string;
  appId: string;
  /** SHA-256 of the secret, lower-case hex. */
  hash: string;
  scopes: readonly string[];
  allow: { origins: readonly string[]; addresses: readonly string[]; methods: readonly string[] };
  expiresAt: string | null;
  isRevoked: boolean;
  version: string;
}

export interface EdgeApp {
  id: string;
  tenantId: string;
  state: "active" | "suspended" | "closed";
  limits: { unitsPerSecond: number; burstSeconds: number };
  version: string;
}

export interface EdgeSnapshot {
  takenAt: string;
  routes: readonly EdgeRoute[];
  keys: readonly EdgeKey[];
  apps: readonly EdgeApp[];
}

export type EdgeChange =
  | { kind: "route"; route: EdgeRoute }
  | { kind: "routeRemoved"; chainId: string }
  | { kind: "key"; key: EdgeKey }
  | { kind: "app"; app: EdgeApp }
  /** The stream was interrupted: take a new snapshot. */
  | { kind: "resync" };

export interface RequestLogEntry {
  at: string;
  tenantId: string;
  appId: string;
  chainId: string;
  keyId: string;
  method: string;
  status: RequestStatus;
  code?: number;
  durationMs: number;
}

/** For one part of a chain that the gateway serves, whose private key the plane holds. */
export interface PartKeyRequest {
  region: string;
  chainId: string;
  /** `identity`; only kinds that the framework lends to gateways. */
  kind: string;
  name: string;
  /** Of a pair that this gateway made for itself: X25519, 32 bytes, base64url. */
  publicKey: string;
}

/** `sealed`: PKCS #8 (DER), sealed to the request's public key in `partKeyContext`. */
export type PartKeyAnswer =
  | { kind: "key"; partId: string; tenantId: string; facts: JsonObject; sealed: Uint8Array }
  | { kind: "refused"; reason: "unknown" | "notHeld" | "revoked" | "expired" | "unavailable" };

/** What a lent key is sealed for: a blob opens for nothing else. */
export const partKeyContext = (answer: { tenantId: string; chainId: string; partId: string }) => ({
  tenantId: answer.tenantId,
  chainId: answer.chainId,
  purpose: `part-key/${answer.partId}`,
  version: 1,
});

/** What a gateway needs of the centre. It lives from its snapshot and goes on when the centre is away. */
export interface EdgePort {
  snapshot(region: string): Promise<EdgeSnapshot>;
  /** Calls back with each change until `signal` aborts; a broken stream answers `resync` when it is back. */
  changes(region: string, onChange: (change: EdgeChange) => void, signal: AbortSignal): Promise<void>;
  /** Asks for a sleeping or suspect chain to be looked at now. */
  wake(chainId: string, reason: "asleep" | "suspect"): Promise<void>;
  /**
   * Lends a part's private key, answered by a worker that has custody. Takes as long as that worker; `unavailable` when
   * none answers in time.
   */
  partKey(request: PartKeyRequest): Promise<PartKeyAnswer>;
  shipUsage(batch: UsageBatch): Promise<{ isDuplicate: boolean }>;
  shipRequests(entries: readonly RequestLogEntry[]): Promise<void>;
}
