import type { BlueprintNode, PathRef, Text } from "@portolan/domain";
import { isFileName } from "@portolan/domain";
import { toVolumeName } from "../names.ts";
import { toRefusal } from "./refusal.ts";

/** Where things lie in every pod of ours. */
export const filesDirectory = "/portolan/files";
export const temporaryDirectory = "/tmp";

export const toVolumePath = (volume: { name: string; kind: "data" | "scratch" }): string =>
  `/portolan/${volume.kind}/${toVolumeName(volume.name)}`;

type NodeWithVolumes = Pick<BlueprintNode, "name" | "volumes">;

const checkPath = (node: NodeWithVolumes, path: string): string => {
  if (isFileName(path)) return path;
  throw toRefusal(`A path of the node ${node.name} can't be used.`, `path: ${JSON.stringify(path).slice(0, 200)}`);
};

const toPath = (node: NodeWithVolumes, ref: PathRef): string => {
  if ("file" in ref) return `${filesDirectory}/${checkPath(node, ref.file)}`;
  if ("directory" in ref)
    return ref.directory === "" ? filesDirectory : `${filesDirectory}/${checkPath(node, ref.directory)}`;
  const volume = node.volumes.find(({ name }) => name === ref.volume);
  if (volume === undefined) throw toRefusal(`The node ${node.name} has no volume ${ref.volume}.`);
  return ref.path === undefined ? toVolumePath(volume) : `${toVolumePath(volume)}/${checkPath(node, ref.path)}`;
};

/** A piece of a command line, a file or an environment value, with the paths of the node's pod in it. */
export const toText = (node: NodeWithVolumes, text: Text): string => {
  const toPiece = (piece: string | PathRef): string => (typeof piece === "string" ? piece : toPath(node, piece));
  return Array.isArray(text) ? text.map(toPiece).join("") : toPiece(text as string | PathRef);
};

/** As an argument or environment value: Kubernetes puts variables in place of `$(NAME)`, and takes `$$` for a `$`. */
export const toVerbatim = (text: string): string => text.replaceAll("$", "$$$$");
