import { TextDecoder } from "node:util";
import type { V1PodSpec, V1Volume } from "@kubernetes/client-node";
import { canonicalJson, type MaterialRef } from "@portolan/domain";
import type { SecretSource } from "../../runtime.ts";
import { shortHash, toFilesName } from "../names.ts";
import { filesVolume } from "./files.ts";
import { toRefusal } from "./refusal.ts";
import type { Fill, RenderedNode } from "./rendered.ts";
import { checkSize } from "./size.ts";

const toPublic = (node: string, ref: MaterialRef, source: SecretSource): string => {
  const whole = source.public(ref);
  const value = ref.field === undefined ? whole : typeof whole === "string" ? undefined : whole[ref.field];
  if (value === undefined)
    throw toRefusal(
      `The material ${ref.material} has no ${ref.field ?? "public part"}, which a file of the node ${node} is made of.`,
    );
  return typeof value === "string" ? value : canonicalJson(value);
};

/** Text where it is text, so that an operator can read it in the cluster. */
const asText = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
};

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

const fillFiles = (node: RenderedNode, fills: readonly Fill[], source: SecretSource) => {
  const data: { [key: string]: string } = { ...node.files?.data };
  const binaryData: { [key: string]: string } = {};
  for (const { key, content } of fills) {
    if ("public" in content) data[key] = toPublic(node.name, content.public, source);
    if (!("asset" in content)) continue;
    const bytes = source.asset(content.asset);
    const text = asText(bytes);
    if (text === undefined) binaryData[key] = toBase64(bytes);
    else data[key] = text;
  }
  checkSize(node.name, "files", data, binaryData);
  return { data, ...(Object.keys(binaryData).length === 0 ? {} : { binaryData }) };
};

const fillSecret = (node: RenderedNode, fills: readonly Fill[], source: SecretSource) => {
  const data: { [key: string]: string } = {};
  for (const { key, content } of fills) if ("secret" in content) data[key] = toBase64(source.secret(content.secret));
  checkSize(node.name, "secrets", {}, data);
  return data;
};

const withFilesName = (spec: V1PodSpec, name: string): V1PodSpec => {
  const renamed = (volume: V1Volume): V1Volume => {
    if (volume.name !== filesVolume || volume.projected?.sources === undefined) return volume;
    const sources = volume.projected.sources.map((one) =>
      one.configMap === undefined ? one : { ...one, configMap: { ...one.configMap, name } },
    );
    return { ...volume, projected: { ...volume.projected, sources } };
  };
  return { ...spec, ...(spec.volumes === undefined ? {} : { volumes: spec.volumes.map(renamed) }) };
};

/** The whole node with the ConfigMap by its new name, wherever it is mounted. */
const withFiles = (node: RenderedNode, content: ReturnType<typeof fillFiles>): RenderedNode => {
  const { files, statefulSet } = node;
  if (files === undefined || statefulSet.spec === undefined) return node;
  const name = toFilesName(node.name, shortHash(canonicalJson(content as never)));
  const { template } = statefulSet.spec;
  return {
    ...node,
    files: { ...files, ...content, metadata: { ...files.metadata, name } },
    statefulSet: {
      ...statefulSet,
      spec: {
        ...statefulSet.spec,
        template: { ...template, ...(template.spec === undefined ? {} : { spec: withFilesName(template.spec, name) }) },
      },
    },
    jobs: node.jobs.map(({ key, job }) => {
      const spec = job.spec?.template.spec;
      if (job.spec === undefined || spec === undefined) return { key, job };
      const template = { ...job.spec.template, spec: withFilesName(spec, name) };
      return { key, job: { ...job, spec: { ...job.spec, template } } };
    }),
  };
};

/**
 * The node with public material, assets and secrets in it. A ConfigMap is named by all that is in it; a Secret by what
 * it refers to, so that its name tells nothing. Pure. Throws a DomainError where an object would be larger than a
 * cluster takes (1 MiB). The result holds secrets: not to be logged or kept.
 */
export const fillSecrets = (node: RenderedNode, source: SecretSource): RenderedNode => {
  const into = (target: Fill["into"]): Fill[] => node.fills.filter((fill) => fill.into === target);
  const filled = withFiles(node, fillFiles(node, into("files"), source));
  const { secret } = filled;
  if (secret === undefined) return filled;
  return { ...filled, secret: { ...secret, data: fillSecret(node, into("secret"), source) } };
};
