import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ImageSpec } from "@portolan/testing/cluster";
import { runCommand } from "../run-command.ts";

export const manifestType = "application/vnd.oci.image.manifest.v1+json";
const configType = "application/vnd.oci.image.config.v1+json";
const layerType = "application/vnd.oci.image.layer.v1.tar";
const indexType = "application/vnd.oci.image.index.v1+json";

/** The same content gives the same bytes, and so the same digest. */
const archive = (from: string, to: string, ...names: readonly string[]): Promise<string> =>
  runCommand("tar", [
    "--sort=name",
    "--mtime=@0",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "-C",
    from,
    "-cf",
    to,
    ...names,
  ]);

const digestOf = (content: Uint8Array): string => `sha256:${createHash("sha256").update(content).digest("hex")}`;

/** Go's names for the machines that Node knows. */
const architectures: { readonly [arch: string]: string } = { x64: "amd64", arm64: "arm64" };

export const defaultUserId = 65_532;

/** Makes an OCI layout with one layer of `root` in `directory`; returns its digest and the archive of it. */
export const writeLayout = async (
  spec: ImageSpec,
  reference: string,
  root: string,
  directory: string,
): Promise<{ digest: string; archive: string }> => {
  const blobs = join(directory, "blobs", "sha256");
  mkdirSync(blobs, { recursive: true });
  const blob = (content: Uint8Array, mediaType: string) => {
    const digest = digestOf(content);
    writeFileSync(join(blobs, digest.slice(7)), content);
    return { mediaType, digest, size: content.length };
  };
  const layerFile = join(directory, "layer.tar");
  await archive(root, layerFile, ".");
  const content = readFileSync(layerFile);
  const layer = { mediaType: layerType, digest: digestOf(content), size: content.length };
  renameSync(layerFile, join(blobs, layer.digest.slice(7)));
  const config = blob(Buffer.from(JSON.stringify(toConfig(spec, layer.digest))), configType);
  const manifest = { schemaVersion: 2, mediaType: manifestType, config, layers: [layer] };
  const described = blob(Buffer.from(JSON.stringify(manifest)), manifestType);
  const annotations = { "io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference };
  const index = { schemaVersion: 2, mediaType: indexType, manifests: [{ ...described, annotations }] };
  writeFileSync(join(directory, "index.json"), JSON.stringify(index));
  writeFileSync(join(directory, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  await archive(directory, `${directory}.tar`, "blobs", "index.json", "oci-layout");
  return { digest: described.digest, archive: `${directory}.tar` };
};

const toConfig = (spec: ImageSpec, layer: string) => {
  const userId = spec.userId ?? defaultUserId;
  const environment = { PATH: "/usr/local/bin:/usr/bin:/bin", ...spec.environment };
  return {
    architecture: architectures[process.arch] ?? process.arch,
    os: "linux",
    created: "1970-01-01T00:00:00Z",
    config: {
      User: `${userId}:${userId}`,
      Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      Entrypoint: spec.entrypoint,
      ...(spec.command === undefined ? {} : { Cmd: spec.command }),
      WorkingDir: "/",
    },
    rootfs: { type: "layers", diff_ids: [layer] },
    history: [{ created_by: "portolan test cluster" }],
  };
};
