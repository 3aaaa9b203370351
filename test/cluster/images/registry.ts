import { createReadStream, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { dirname, join } from "node:path";
import type { ClusterImage, ClusterRegistry } from "@portolan/testing/cluster";
import type { ControlPlaneParts } from "../control-plane.ts";
import { manifestType } from "./oci-layout.ts";

/** Of the closed registry; it guards nothing. The hash is bcrypt's, the only one that the registry reads. */
const user = "puller";
const password = "a-password-of-the-tests";
const passwordHash = "$2b$05$y28Km8W9fBiTpRU6sGhpT.5Mrw2miD5PjqDUKyrPK2.yXdmVFPL.i";

/** Starts both registries over one directory, at the address that nodes reach. */
export const startRegistry = async (
  parts: ControlPlaneParts,
  ports: readonly [number, number],
): Promise<ClusterRegistry> => {
  const directory = join(parts.directory, "registry");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "passwords"), `${user}:${passwordHash}\n`);
  const closed = { auth: { htpasswd: { realm: "test", path: join(directory, "passwords") } } };
  for (const [name, port, auth] of [
    ["open", ports[0], {}],
    ["closed", ports[1], closed],
  ] as const) {
    const config = {
      version: "0.1",
      log: { level: "warn", accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(directory, "images") }, delete: { enabled: true } },
      http: { addr: `${parts.address}:${port}`, secret: name },
      ...auth,
    };
    // JSON is YAML.
    writeFileSync(join(directory, `${name}.yaml`), JSON.stringify(config));
    const program = parts.programs["docker-registry"] ?? "docker-registry";
    parts.processes.start(`registry-${name}`, program, ["serve", join(directory, `${name}.yaml`)]);
    const answers = name === "open" ? 200 : 401;
    const address = `http://${parts.address}:${port}/v2/`;
    await parts.processes.until(`registry-${name}`, 20, async () => (await fetch(address)).status === answers);
  }
  return { open: `${parts.address}:${ports[0]}`, closed: `${parts.address}:${ports[1]}`, user, password };
};

interface Manifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

/** Lays an image into the open registry, and so into both; returns its names by digest. */
export const pushImage = async (
  registry: ClusterRegistry,
  image: ClusterImage,
  repository: string,
  tag: string,
): Promise<{ open: string; closed: string }> => {
  const layout = join(dirname(image.archive), "layout");
  const blob = (digest: string): string => join(layout, "blobs", "sha256", digest.slice("sha256:".length));
  const base = `http://${registry.open}/v2/${repository}`;
  const manifest = readFileSync(blob(image.digest));
  const { config, layers } = JSON.parse(manifest.toString("utf8")) as Manifest;
  for (const { digest } of [config, ...layers]) await pushBlob(base, digest, blob(digest));
  const answer = await fetch(`${base}/manifests/${tag}`, {
    method: "PUT",
    headers: { "content-type": manifestType },
    body: manifest,
  });
  if (!answer.ok) throw new Error(`the registry refused ${repository}:${tag}: ${await answer.text()}`);
  const named = (host: string): string => `${host}/${repository}@${image.digest}`;
  return { open: named(registry.open), closed: named(registry.closed) };
};

const pushBlob = async (base: string, digest: string, path: string): Promise<void> => {
  if ((await fetch(`${base}/blobs/${digest}`, { method: "HEAD" })).ok) return;
  const begun = await fetch(`${base}/blobs/uploads/`, { method: "POST" });
  const place = new URL(begun.headers.get("location") ?? "", base);
  place.searchParams.set("digest", digest);
  await new Promise<void>((resolve, reject) => {
    const headers = { "content-type": "application/octet-stream", "content-length": statSync(path).size };
    const sent = request(place, { method: "PUT", headers }, (response) => {
      response.resume();
      if (response.statusCode === 201) resolve();
      else reject(new Error(`the registry refused ${digest}: ${response.statusCode}`));
    });
    sent.once("error", reject);
    createReadStream(path).once("error", reject).pipe(sent);
  });
};
