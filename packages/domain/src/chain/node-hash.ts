import { createHash } from "node:crypto";
import { canonicalJson } from "../json.ts";
import type { BlueprintNode } from "./blueprint.ts";

/** SHA-256 (hex) of a blueprint node. What a runtime stores as applied and a coordinator compares with the wish. */
export const toNodeHash = (node: BlueprintNode): string =>
  createHash("sha256").update(canonicalJson(node)).digest("hex");
