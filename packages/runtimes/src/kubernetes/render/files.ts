import type { V1ConfigMap, V1Secret, V1Volume } from "@kubernetes/client-node";
import type { BlueprintNode, EnvValue, FileSpec, MaterialRef } from "@portolan/domain";
import { canonicalJson, isFileName } from "@portolan/domain";
import { annotationKeys, toLabels } from "../labels.ts";
import { shortHash, toContainerName, toFilesName, toNodeObjectName, toSecretName } from "../names.ts";
import { type Space, toNamespaceName } from "../space.ts";
import { toText } from "./paths.ts";
import { toRefusal } from "./refusal.ts";
import type { Fill, Rendered } from "./rendered.ts";
import { checkSize } from "./size.ts";

export const filesVolume = "portolan-files";

export const isSecretValue = (value: EnvValue): value is Extract<EnvValue, { secret: unknown }> =>
  typeof value === "object" && "secret" in value;

/** Keys have no slash; a file below a directory keeps its last name and gets a hash of the whole. */
const toFileKey = (name: string): string => {
  if (!name.includes("/")) return name;
  return `${shortHash(name, 8)}-${name.split("/").at(-1) ?? ""}`;
};

/** Files begin with a letter or digit, so that these never meet. */
export const toEnvKey = (container: string, name: string): string => `_env.${toContainerName(container)}.${name}`;

/** `kind` keeps a process and an init program of one name apart. */
export interface EnvOwner {
  container: string;
  env: { readonly [name: string]: EnvValue };
}

export interface RenderedFiles {
  files?: Rendered<V1ConfigMap>;
  secret?: Rendered<V1Secret>;
  fills: Fill[];
  /** Absent where the node has no files. */
  volume?: V1Volume;
}

const checkFiles = (node: BlueprintNode): void => {
  const seen = new Set<string>();
  for (const { name, mode } of node.files) {
    if (!isFileName(name) || seen.has(name)) throw toRefusal(`The node ${node.name} can't have the file ${name}.`);
    if (!Number.isInteger(mode) || mode < 0 || mode > 0o777)
      throw toRefusal(`The file ${name} of the node ${node.name} has no mode of a file.`);
    seen.add(name);
  }
};

const toFill = (file: FileSpec): Fill[] => {
  const { content } = file;
  if ("text" in content) return [];
  return [{ into: "secret" in content ? "secret" : "files", key: toFileKey(file.name), content }];
};

const isSecretFile = (file: FileSpec): boolean => "secret" in file.content;

const toItems = (files: readonly FileSpec[]) =>
  files.map(({ name, mode }) => ({ key: toFileKey(name), path: name, mode }));

/**
 * All files of a node as one read-only directory. Kubelet makes them root's and of the pod's group, and lets the group
 * read them: 0600 becomes 0640. Nobody else is in the pod; a program that wants 0600 to the letter would not start.
 */
const toFilesVolume = (node: BlueprintNode, filesName: string, secretName: string): V1Volume => {
  const plain = node.files.filter((file) => !isSecretFile(file));
  const secrets = node.files.filter(isSecretFile);
  return {
    name: filesVolume,
    projected: {
      defaultMode: 0o440,
      sources: [
        ...(plain.length === 0 ? [] : [{ configMap: { name: filesName, items: toItems(plain) } }]),
        ...(secrets.length === 0 ? [] : [{ secret: { name: secretName, items: toItems(secrets) } }]),
      ],
    },
  };
};

/** Names of secrets are of what they refer to, not of what they are: nobody learns from them. */
const toEnvFills = (owners: readonly EnvOwner[]): Fill[] =>
  owners.flatMap(({ container, env }) =>
    Object.entries(env).flatMap(([name, value]): Fill[] =>
      isSecretValue(value) ? [{ into: "secret", key: toEnvKey(container, name), content: value }] : [],
    ),
  );

const refOf = (fill: Fill): MaterialRef | string =>
  "asset" in fill.content ? fill.content.asset : "secret" in fill.content ? fill.content.secret : fill.content.public;

/** ConfigMap, Secret and the volume of both. Public material, assets and secrets are filled in later. */
export const renderFiles = (placement: Space, node: BlueprintNode, owners: readonly EnvOwner[]): RenderedFiles => {
  checkFiles(node);
  const fills = [...node.files.flatMap(toFill), ...toEnvFills(owners)];
  const texts = node.files.flatMap(({ name, content }) =>
    "text" in content ? [[toFileKey(name), toText(node, content.text)] as const] : [],
  );
  const data = Object.fromEntries(texts);
  const hashOf = (into: Fill["into"]): string =>
    shortHash(
      canonicalJson(fills.filter((fill) => fill.into === into).map((fill) => [fill.key, refOf(fill)] as never)),
    );
  const filesName = toFilesName(node.name, shortHash(canonicalJson([data, hashOf("files")])));
  const secretName = toSecretName(node.name, hashOf("secret"));
  const metadata = (name: string) => ({
    name,
    namespace: toNamespaceName(placement),
    labels: toLabels(placement, { objectName: toNodeObjectName(node.name), role: node.role }),
    annotations: { [annotationKeys.nodeName]: node.name },
  });
  checkSize(node.name, "files", data);
  const hasFiles = node.files.some((file) => !isSecretFile(file));
  const hasSecrets = fills.some(({ into }) => into === "secret");
  return {
    fills,
    ...(hasFiles
      ? { files: { apiVersion: "v1", kind: "ConfigMap", metadata: metadata(filesName), immutable: true, data } }
      : {}),
    ...(hasSecrets
      ? {
          secret: {
            apiVersion: "v1",
            kind: "Secret",
            metadata: metadata(secretName),
            type: "Opaque",
            immutable: true,
            data: {},
          },
        }
      : {}),
    ...(node.files.length === 0 ? {} : { volume: toFilesVolume(node, filesName, secretName) }),
  };
};
