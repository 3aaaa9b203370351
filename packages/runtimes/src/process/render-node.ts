import { chmodSync, chownSync, mkdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  type BlueprintNode,
  canonicalJson,
  type EnvValue,
  type FileContent,
  type MaterialRef,
  type PathRef,
  type Text,
} from "@portolan/domain";
import { NodeFailure } from "../node-failure.ts";
import type { SecretSource } from "../runtime.ts";
import { writeAtomically } from "./atomic-file.ts";
import { checkRelativePath, type Layout } from "./layout.ts";
import { homeVariable, labelVariable } from "./process-table.ts";
import type { RunUser } from "./run-user.ts";

export interface RenderDeps {
  layout: Layout;
  user: RunUser | undefined;
}

/** The names and kinds of volumes are what paths depend on. */
type NodeWithVolumes = Pick<BlueprintNode, "name" | "volumes">;

const toPath = (layout: Layout, placementId: string, node: NodeWithVolumes, ref: PathRef): string => {
  const files = layout.files(placementId, node.name);
  if ("file" in ref) return join(files, checkRelativePath(ref.file));
  if ("directory" in ref) return ref.directory === "" ? files : join(files, checkRelativePath(ref.directory));
  const isScratch = node.volumes.some((volume) => volume.name === ref.volume && volume.kind === "scratch");
  const volume = layout[isScratch ? "scratch" : "volume"](placementId, node.name, ref.volume);
  return ref.path === undefined ? volume : join(volume, checkRelativePath(ref.path));
};

/** A piece of a command line, with the paths of this node in it. */
export const toText = (layout: Layout, placementId: string, node: NodeWithVolumes, text: Text): string => {
  const toPiece = (piece: string | PathRef): string =>
    typeof piece === "string" ? piece : toPath(layout, placementId, node, piece);
  return Array.isArray(text) ? text.map(toPiece).join("") : toPiece(text as string | PathRef);
};

const isSecret = (value: EnvValue): value is Extract<EnvValue, { secret: unknown }> =>
  typeof value === "object" && "secret" in value;

/**
 * The whole environment of a program. It starts from nothing: the worker's own variables hold credentials.
 * `secrets` collects what must be masked in anything that is shown of the program's output.
 */
export const toEnvironment = (
  deps: RenderDeps,
  at: { placementId: string; node: NodeWithVolumes; process: string; incarnation: number },
  env: { readonly [name: string]: EnvValue },
  source: SecretSource,
): { [name: string]: string } => {
  const { layout, user } = deps;
  const rendered = Object.entries(env).map(([name, value]) => [
    name,
    isSecret(value)
      ? Buffer.from(source.secret(value.secret)).toString("utf8")
      : toText(layout, at.placementId, at.node, value),
  ]);
  return {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    LANG: "C.UTF-8",
    ...(user ? { USER: user.name, LOGNAME: user.name } : {}),
    HOME: layout.scratchHome(at.placementId, at.node.name),
    TMPDIR: layout.scratchTmp(at.placementId, at.node.name),
    ...Object.fromEntries(rendered),
    [labelVariable]: `${at.placementId}/${at.node.name}/${at.process}/${at.incarnation}`,
    [homeVariable]: layout.home,
  };
};

const toPublic = (ref: MaterialRef, source: SecretSource): string => {
  const whole = source.public(ref);
  const value = ref.field === undefined ? whole : typeof whole === "string" ? undefined : whole[ref.field];
  if (value === undefined) {
    throw new NodeFailure({
      reason: "material_incomplete",
      message: `The material ${ref.material} has no ${ref.field ?? "public part"}, which a file of the node is made of.`,
      hint: "This is a fault of the framework's; the node is tried again by itself.",
    });
  }
  return typeof value === "string" ? value : canonicalJson(value);
};

const toContent = (
  content: FileContent,
  source: SecretSource,
  toFileText: (text: Text) => string,
): string | Uint8Array => {
  if ("text" in content) return toFileText(content.text);
  if ("secret" in content) return source.secret(content.secret);
  if ("asset" in content) return source.asset(content.asset);
  return toPublic(content.public, source);
};

/** Secrets of a node as text, to be masked wherever output of its programs is shown. */
export const secretTexts = (node: BlueprintNode, source: SecretSource): string[] => {
  const refs = [
    ...[...node.processes, ...node.init, ...node.jobs].flatMap((program) =>
      Object.values(program.env).flatMap((value) => (isSecret(value) ? [value.secret] : [])),
    ),
    ...node.files.flatMap((file) => ("secret" in file.content ? [file.content.secret] : [])),
  ];
  return refs.map((ref) => Buffer.from(source.secret(ref)).toString("utf8").trim()).filter((text) => text.length >= 6);
};

/** Owned by the run user and closed to others. */
const makeOwn = (path: string, user: RunUser | undefined): void => {
  if (mkdirSync(path, { recursive: true, mode: 0o700 }) === undefined) return;
  if (user) chownSync(path, user.uid, user.gid);
  chmodSync(path, 0o700);
};

/** Ours, so that a program can't swap what is in it, and passable for the run user, whatever the umask. */
const makePassable = (path: string, mode: number): void => {
  mkdirSync(path, { recursive: true, mode });
  if ((statSync(path).mode & 0o777) !== mode) chmodSync(path, mode);
};

/** The directories above a volume or a file of a node. A home that is there already keeps its mode: it may be shared. */
export const makeParents = (layout: Layout, placementId: string, node: string): void => {
  if (mkdirSync(layout.home, { recursive: true, mode: 0o711 }) !== undefined) chmodSync(layout.home, 0o711);
  const below = [layout.placements, layout.placement(placementId), layout.node(placementId, node)];
  for (const path of [...below, layout.volumes(placementId, node)]) makePassable(path, 0o711);
};

/**
 * A directory of files: ours, so that a program can't swap what is in it, and of the run user's group, so that nobody
 * else can look into it. A program that runs as this process's own user needs no group.
 */
const makeClosed = (path: string, user: RunUser | undefined): void => {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (user) chownSync(path, 0, user.gid);
  chmodSync(path, user ? 0o750 : 0o700);
};

/** The node's directories: scratch ones and that of the files are emptied, data volumes only made where missing. */
export const makeDirectories = (deps: RenderDeps, placementId: string, node: BlueprintNode): void => {
  const { layout, user } = deps;
  makeParents(layout, placementId, node.name);
  rmSync(join(layout.node(placementId, node.name), "scratch"), { recursive: true, force: true });
  const emptied = [layout.scratchHome(placementId, node.name), layout.scratchTmp(placementId, node.name)];
  for (const path of emptied) rmSync(path, { recursive: true, force: true });
  for (const path of emptied) makeOwn(path, user);
  for (const { name, kind } of node.volumes) {
    const path = layout[kind === "scratch" ? "scratch" : "volume"](placementId, node.name, name);
    makePassable(dirname(path), 0o711);
    makeOwn(path, user);
  }
  // A file that the blueprint has no more must be gone: some programs read whatever lies in a directory.
  rmSync(layout.files(placementId, node.name), { recursive: true, force: true });
  makeClosed(layout.files(placementId, node.name), user);
  mkdirSync(layout.logs(placementId, node.name), { recursive: true, mode: 0o700 });
};

/** Writes one file of the node, 0600 and the like as its spec says, owned by the run user, in directories of ours. */
export const writeNodeFile = (
  deps: RenderDeps,
  placementId: string,
  node: NodeWithVolumes,
  file: BlueprintNode["files"][number],
  source: SecretSource,
): void => {
  const files = deps.layout.files(placementId, node.name);
  const parts = checkRelativePath(file.name).split("/");
  for (let depth = 1; depth < parts.length; depth++) makeClosed(join(files, ...parts.slice(0, depth)), deps.user);
  const content = toContent(file.content, source, (text) => toText(deps.layout, placementId, node, text));
  writeAtomically(join(files, ...parts), content, { mode: file.mode, owner: deps.user });
};
