import { createHash } from "node:crypto";
import { canonicalJson } from "../json.ts";
import type { BlueprintNode, FileSpec } from "./blueprint.ts";

/** That the file is there counts; what is in one for the next start does not. */
const toCounted = (file: FileSpec): FileSpec =>
  file.isForNextStart === true ? { ...file, content: { text: "" } } : file;

/**
 * SHA-256 (hex) of a blueprint node. What a runtime stores as applied and a coordinator compares with the wish. Not of
 * what it starts after, nor of what files for its next start say: a neighbour that comes or goes is no reason to restart
 * what runs.
 */
export const toNodeHash = ({ startAfter: _startAfter, files, ...node }: BlueprintNode): string =>
  createHash("sha256")
    .update(canonicalJson({ ...node, files: files.map(toCounted) }))
    .digest("hex");
