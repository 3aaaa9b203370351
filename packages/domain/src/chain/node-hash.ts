import { createHash } from "node:crypto";
import { canonicalJson } from "../json.ts";
import type { BlueprintNode } from "./blueprint.ts";

/**
 * SHA-256 (hex) of a blueprint node. What a runtime stores as applied and a coordinator compares with the wish. Not of
 * what it starts after: a neighbour that comes or goes is no reason to restart what runs.
 */
export const toNodeHash = ({ startAfter: _startAfter, ...node }: BlueprintNode): string =>
  createHash("sha256").update(canonicalJson(node)).digest("hex");
