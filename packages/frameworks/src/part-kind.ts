import type { z } from "zod";

/** A framework's own resources inside a chain (Fabric's channels, …). The API has routes for each from this alone. */
export interface PartKind {
  /** In `PartSpec.kind`, an operation's target and the routes' parameter; a word in camelCase. */
  kind: string;
  /** Segment of the routes and group of the operations' ids, e.g. `channels`. */
  plural: string;
  /** As a sentence says it, without an article: `channel`, `chaincode`. */
  title: string;
  idPrefix: string;
  /** Parses to a JSON object and defaults what is not given; unknown members are refused. */
  settings: z.ZodType;
  /** Names are the tenant's, unique in the chain and kind, and never used twice. Never of the form of an id. */
  name: { pattern: RegExp; maxLength: number; message: string };
  /** Whether `settings` may be changed afterwards. */
  update: "settings" | "none";
  /** Whether the network can be rid of it; a creation that can't be taken back can't be cancelled either. */
  deletable: boolean;
}
