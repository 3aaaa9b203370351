import type { JsonObject, JsonValue } from "../json.ts";

/** A framework's own resource inside a chain (a channel, a chaincode, an identity), as the tenant wants it. */
export interface PartSpec {
  id: string;
  kind: string;
  name: string;
  settings: JsonObject;
  generation: number;
  /** It is wanted gone; it stays listed until the framework has nothing left to do for it. */
  isDeleted?: boolean;
}

/** What a tenant wants of a chain; with its parts, the whole input of a framework's pure functions. */
export interface ChainSpec {
  chainId: string;
  tenantId: string;
  name: string;
  framework: string;
  version: string;
  plan: string;
  settings: JsonObject;
  /** Region slugs, in the order the tenant gave them. */
  regions: readonly string[];
  parts: readonly PartSpec[];
  generation: number;
  /** A number of the plane's own, unique among its chains and never reused (EVM chain ids are made from it). */
  serial: number;
  /**
   * It was made elsewhere, and its data was put in place before its first start here; `serial` is that of its origin then,
   * which others may have here.
   */
  isImported?: true;
  /**
   * Names of nodes that are not wished any more and run on until the network has let them go (`Framework.leaving`). The
   * coordinator's finding, not a tenant's: absent wherever a wish is only looked at.
   */
  leaving?: readonly string[];
}

/** Whether a chain has nodes of its own or lives beside others on nodes that serve several. */
export const hostings = ["dedicated", "shared"] as const;
export type Hosting = (typeof hostings)[number];

/** What the tenant wishes the chain to be. `purged` is the system's wish, after the recovery window. */
export type Wish = "running" | "paused" | "deleted" | "purged";

/** Values a framework publishes about its plans; the price book prices them, the quota counts them. */
export interface PlanFacts {
  plan: string;
  title: string;
  /** How long a deleted chain can be restored. 0: never. */
  recoveryWindowSeconds: number;
  limits: { readonly [name: string]: JsonValue };
}
