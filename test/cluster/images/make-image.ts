import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { ClusterImage, ImageSpec } from "@portolan/testing/cluster";
import { runCommand } from "../run-command.ts";
import { defaultUserId, writeLayout } from "./oci-layout.ts";

/** Makes an image in a directory of its own below `directory`. */
export const makeImage = async (directory: string, spec: ImageSpec): Promise<ClusterImage> => {
  mkdirSync(directory, { recursive: true });
  const own = mkdtempSync(join(directory, `${spec.name.replaceAll("/", "-")}-`));
  const root = join(own, "root");
  await fillRoot(root, spec);
  const name = `docker.io/local/${spec.name}`;
  const reference = `${name}:${spec.tag ?? "1"}`;
  const made = await writeLayout(spec, reference, root, join(own, "layout"));
  rmSync(root, { recursive: true });
  return { reference, digestReference: `${name}@${made.digest}`, ...made };
};

const fillRoot = async (root: string, spec: ImageSpec): Promise<void> => {
  const at = (path: string): string => {
    const target = join(root, path);
    mkdirSync(dirname(target), { recursive: true });
    return target;
  };
  const userId = spec.userId ?? defaultUserId;
  mkdirSync(at("/tmp"), { recursive: true });
  chmodSync(at("/tmp"), 0o1777);
  writeFileSync(at("/etc/passwd"), `root:x:0:0:root:/:/bin/false\nnode:x:${userId}:${userId}:node:/tmp:/bin/false\n`);
  writeFileSync(at("/etc/group"), `root:x:0:\nnode:x:${userId}:\n`);
  writeFileSync(at("/etc/nsswitch.conf"), "hosts: files dns\n");
  const copies: Record<string, string> = { ...spec.files };
  for (const program of spec.programs ?? []) {
    copies[`/usr/local/bin/${basename(program)}`] = program;
    for (const library of await librariesOf(program)) copies[library] = library;
  }
  for (const [target, source] of Object.entries(copies))
    cpSync(source, at(target), { recursive: true, dereference: true });
  for (const [target, text] of Object.entries(spec.texts ?? {})) writeFileSync(at(target), text);
};

/** Paths of the shared libraries that a program needs, its loader with them; none where it is static or a script. */
const librariesOf = async (program: string): Promise<string[]> => {
  const said = await runCommand("ldd", [program]).catch(() => "");
  return [...said.matchAll(/(?:=>\s*|^\s*)(\/\S+)\s+\(0x/gm)].flatMap(([, path]) => (path === undefined ? [] : [path]));
};
