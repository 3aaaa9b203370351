import type {
  AddressesByRegion,
  Blueprint,
  ChainSpec,
  ChainView,
  EntryAbilities,
  Hosting,
  JsonObject,
  JsonValue,
  MaterialItem,
  NewMaterialItem,
  NodeObservation,
  NodeSpec,
  PartSpec,
  PlanFacts,
  Random,
  RpcPolicy,
  Signer,
  Step,
  WorkOrder,
} from "@portolan/domain";
import type { z } from "zod";
import type { HttpProtocol } from "./http-policy.ts";
import type { OperatorConfig } from "./operator-config.ts";
import type { PartKind } from "./part-kind.ts";
import type { ProgramSet } from "./program-set.ts";
import type { RestProtocol } from "./rest-protocol.ts";

export type { PartKind } from "./part-kind.ts";

/** What a region's runtime can do, read before anything is made so that nobody asks which driver it is. */
export interface RuntimeCapabilities {
  /** Whether nodes of different placements are kept apart (network and user). */
  isolation: "none" | "namespace";
  hasStorageExpansion: boolean;
  hasSnapshots: boolean;
  exposures: readonly ("internal" | "admin" | "gateway" | "public")[];
  /** False: what it runs can't dial the guarded forwarder, which listens on its worker's own loopback. Absent: it can. */
  reachesForwarder?: boolean;
  /**
   * How callers from outside the region can reach nodes: `byServerName`, by TLS under names below `domain`; `byPort`, by
   * numbers at `domain`'s names too. Absent: they can't, but through the gateway.
   */
  exposure?: { domain: string } & EntryAbilities;
  /** True: it keeps code that tenants bring apart from everything else, so that it may run there. Absent: it does not. */
  tenantCode?: boolean;
  /**
   * True: nodes dial each other from other addresses than those that they are dialled at (a cluster's pods and services),
   * so that no program knows a neighbour by its address. Absent: from the same.
   */
  hidesSourceAddress?: true;
}

/** What a blueprint may depend on of each region. */
export interface RegionFacts {
  /** Region slug → what is known of it. */
  [region: string]: { placementId: string; capabilities: RuntimeCapabilities };
}

/** How `inspect` and step actions reach the network from where they run. */
export interface NetworkAccess {
  region: string;
  /** The `host:port` to dial for a node's port; throws `region.unreachable` when nothing is reserved. */
  dial(node: string, port: string): Promise<{ host: string; port: number }>;
  /** What the runtime sees, taken just before. */
  observations: readonly NodeObservation[];
  signal: AbortSignal;
  now: Date;
}

export interface InspectInput {
  /**
   * `serial` as in `ChainSpec`: what a framework made from it can be checked; absent, that check is skipped.
   * `inspection` is what the framework's own function of that name gave.
   */
  chain: WorkOrder["chain"];
  nodes: readonly NodeSpec[];
  /** This placement's own last view: a framework may need to know that a node has been live before. */
  previous: ChainView | null;
  access: NetworkAccess;
  /** Signs by reference, for networks that answer nobody who can't say who they are. */
  signer: Signer;
}

export interface ActionContext {
  step: Step;
  chain: WorkOrder["chain"];
  access: NetworkAccess;
  signer: Signer;
  signal: AbortSignal;
}

export interface FrameworkVersion {
  version: string;
  /** Versions that this one may be upgraded to. */
  upgradesTo: readonly string[];
  isDefault: boolean;
}

/** What policy rules may ask of a chain; every framework says it of each setting, none by accident. */
export interface ChainAttributes {
  /** Who may join or use it. */
  access: "permissioned" | "open";
  /** The currency that the chain itself carries. */
  currency: "none" | "test" | "public";
}

/** What is wrong with a wish; `path` is that of the request's member, e.g. `settings.orderers`. */
export interface ReviewProblem {
  path: string;
  code: string;
  message: string;
  hint?: string;
}

/** A name that only one living chain of the plane may have, whoever's it is; `path` is that of the request's member. */
export interface ChainClaim {
  /** Of the framework family's own kind, e.g. `evm-chain-id/424242`; frameworks that say the same name mean the same. */
  name: string;
  path: string;
}

/** Something public that a developer takes home: a connection profile, a certificate. */
export interface ChainDocument {
  /** Of a file, e.g. `connection-org1.json`: letters, digits, dots, hyphens. */
  name: string;
  mediaType: string;
  title: string;
  content: string;
}

/** Where the chain is called from outside; absent members are not offered here. */
export interface ChainAddresses {
  /**
   * `host:port` of the gateway's TLS listener and the name to verify, for this chain; PEM of who signs its certificate
   * where that is none of those that everybody trusts.
   */
  grpc?: { address: string; serverName: string; authorityPem?: string };
  /** Base URL of the chain at the gateway, by region. */
  http: { readonly [region: string]: string };
}

/** One protocol that the gateway serves for the framework. Handlers live in the gateway, keyed by `name`. */
export interface ProtocolSpec {
  name: "json-rpc" | "grpc" | "rest" | "http" | "stream";
  /** The node role and port that calls go to. */
  role: string;
  port: string;
  /** Method classes, weights, bounds. Absent for protocols that are billed by bytes only. */
  policy?: RpcPolicy;
  /** What the gateway must know of a gRPC service besides `policy`, whose methods are `package.Service/Method`. */
  grpc?: GrpcRules;
  /** REST on top of it; with `grpc`, whose bounds and authorities hold for it too. */
  rest?: RestProtocol;
  /** Nodes that are called by verb and path; `policy` is what `createHttpRpcPolicy` makes of it. */
  http?: HttpProtocol;
}

export interface GrpcRules {
  /** Methods with more than one message either way; all others that the policy forwards have one each. */
  isStream(method: string): boolean;
  /** Looks into a message that is not a stream's; answers why it is refused. */
  check?(method: string, message: Uint8Array): string | null;
  /** Of one message from a node; `policy.maxBodyBytes` bounds one from a caller. */
  maxAnswerBytes: number;
  /** The route's fact with the authorities (PEM) that sign the nodes' certificates. */
  rootsFact: string;
  /** Whether a node is one of those that `<label>.<chain>.<domain>` asks for. Absent: there are no labels. */
  selects?(label: string, target: { node: string; region: string }): boolean;
}

/**
 * A blockchain framework: knows what a chain consists of and how to talk to it, nothing of where it runs.
 * Everything but `inspect` and `actions` is pure and deterministic in its arguments.
 */
export interface Framework {
  slug: string;
  family: "evm" | "fabric" | "tezos" | "fake";
  title: string;
  versions: readonly FrameworkVersion[];
  roles: readonly { role: string; title: string }[];
  plans: readonly PlanFacts[];
  /** What the plan decides where the settings don't say it: members of the settings that the chain has not. Pure. */
  planDefaults?(spec: Pick<ChainSpec, "settings" | "plan">): JsonObject;
  /** What its nodes run of a vendor's release, where no package carries it; `portolan programs` installs it. */
  programs?: ProgramSet;
  sharing: readonly Hosting[];
  /** Parses and defaults the tenant's settings; unknown members are refused. */
  settings: z.ZodType<JsonObject>;
  /** Checks that need more than the settings' shape (operator's lists, plan limits). Empty: fine. */
  review(spec: ChainSpec, operator: OperatorConfig): readonly ReviewProblem[];
  /** What a chain that is there can't be changed into, besides what `review` says of the new wish. Absent: anything. */
  reviewUpdate?(former: ChainSpec, next: ChainSpec): readonly ReviewProblem[];
  /**
   * The same for a part that is to be made, changed (`former`) or, with `isDeleted`, to go; `spec.parts` has it as it
   * is wished, and all others. Whatever would make `material` or `blueprint` throw must be found here: it would stop the
   * whole chain's coordination.
   */
  reviewPart?(spec: ChainSpec, part: PartSpec, former: PartSpec | null): readonly ReviewProblem[];
  /** Public facts of a part (a certificate, a sequence), from what was made and what was last seen. */
  presentPart?(spec: ChainSpec, part: PartSpec, material: readonly MaterialItem[], view: ChainView | null): JsonObject;
  /** Public documents for developers. Pure. */
  documents?(
    spec: ChainSpec,
    material: readonly MaterialItem[],
    view: ChainView | null,
    addresses: ChainAddresses,
  ): readonly ChainDocument[];
  attributes(spec: Pick<ChainSpec, "settings" | "plan">): ChainAttributes;
  /**
   * What no other living chain of the plane may be called; a wish with a name that is taken is refused. It must not be
   * changed by an update (`reviewUpdate`). Pure. Absent: nothing.
   */
  claims?(spec: Pick<ChainSpec, "settings">): readonly ChainClaim[];
  parts: readonly PartKind[];
  rendererVersion: number;

  topology(spec: ChainSpec): NodeSpec[];
  /**
   * Names of nodes that the wish has no more and that must run on until the network has let them go: a validator that is
   * still counted, say. Every other function finds them in `spec.leaving`, and `topology` answers them among its nodes.
   * Pure; empty once nothing holds them, and for nodes that nothing can be had of any more. Absent: what is not wished
   * goes at once.
   */
  leaving?(spec: ChainSpec, material: readonly MaterialItem[], view: ChainView | null): readonly string[];
  /**
   * Makes what is missing and renews what is due. Returns only new items (or new versions); what exists stays.
   * `createKey`/`sign` go by reference; random secrets come back in `secret` and are sealed by the caller.
   */
  material(
    spec: ChainSpec,
    existing: readonly MaterialItem[],
    context: { addresses: AddressesByRegion; signer: Signer; random: Random; now: Date; operator: OperatorConfig },
  ): Promise<NewMaterialItem[]>;
  /** One blueprint per region slug. */
  blueprint(
    spec: ChainSpec,
    material: readonly MaterialItem[],
    context: { regions: RegionFacts; addresses: AddressesByRegion; operator: OperatorConfig },
  ): { [region: string]: Blueprint };
  /**
   * Public facts that `inspect` and the actions need where the network is reachable: certificates to trust, parts to
   * look for. They travel in the work order, so a change of them makes a new one. Absent: nothing but the settings.
   */
  inspection?(spec: ChainSpec, material: readonly MaterialItem[], addresses: AddressesByRegion): JsonObject;
  /**
   * Keys of custody (`Signer` refs) that `inspect` and the actions may have something signed with, from wherever the
   * network is reachable. An authority must not be among them. Absent: none.
   */
  signers?(spec: ChainSpec, material: readonly MaterialItem[]): readonly string[];
  inspect(input: InspectInput): Promise<ChainView>;
  /** What remains to be done inside the network. Empty when the wish is reached. */
  steps(
    spec: ChainSpec,
    material: readonly MaterialItem[],
    view: ChainView,
    now: Date,
    addresses: AddressesByRegion,
  ): Step[];
  /** The functions that `Step.action` names. Idempotent; run where the step's region is reachable. */
  actions: { readonly [action: string]: (context: ActionContext) => Promise<JsonValue> };
  /**
   * Nodes (by name) that may be changed now. `changed` are those whose desired hash differs from what is applied;
   * `isRendererOnly` marks those that only a new release of Portolan would change.
   */
  rollout(input: {
    spec: ChainSpec;
    nodes: readonly NodeSpec[];
    changed: readonly { node: string; isRendererOnly: boolean }[];
    /** Nodes that are new: nothing is applied yet. */
    fresh: readonly string[];
    healthy: readonly string[];
    material: readonly MaterialItem[];
    /** What was last seen inside the network: what it survives may depend on it. */
    view: ChainView | null;
  }): string[];
  protocols: readonly ProtocolSpec[];
  /**
   * How a copy of its data is consistent. `stopped`: every node of the chain is stopped before the first volume is
   * copied, whatever region it is in, and started after the last. What is restored must work with today's material:
   * certificates may have been renewed since. Absent: its chains can't be backed up.
   */
  backup?: { mode: "stopped" };
}
