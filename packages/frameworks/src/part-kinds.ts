import { fabricParts } from "./fabric/parts.ts";
import type { PartKind } from "./part-kind.ts";

export type { PartKind } from "./part-kind.ts";

/**
 * Part kinds of the frameworks that ship with Portolan. Apart from the registry, and so importable without any
 * framework's code: the contract and the SDK need no more.
 */
export const builtInPartKinds = [...fabricParts] as const satisfies readonly PartKind[];

export type BuiltInPartKind = (typeof builtInPartKinds)[number];
