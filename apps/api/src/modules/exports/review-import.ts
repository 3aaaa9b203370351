import type { ChainExportContent, ChainExportResource, ChainInput } from "@portolan/contract";
import { isAuthorityKey } from "@portolan/custody";
import {
  type ChainSpec,
  DomainError,
  idPattern,
  mostPartsOfKind,
  type NodeAddress,
  type PartSpec,
} from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import type { PortablePart } from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import type { HandlerRequest } from "../../http/handler.ts";
import { invalidField } from "../../http/invalid-request.ts";
import { demandNoProblem, newProblems, type ReviewedChain, reviewChain } from "../chains/review.ts";
import { parsePartSettings } from "../parts/parse-part-settings.ts";
import { unreadable } from "./seal-content.ts";

type ImportBody = HandlerRequest<"chains.import">["body"];

export interface ReviewedImport {
  reviewed: ReviewedChain;
  hosting: ChainInput["hosting"];
  parts: readonly PortablePart[];
  placements: readonly { id: string; region: string; addresses: readonly NodeAddress[] }[];
}

const areDifferent = (keys: readonly string[]): boolean => new Set(keys).size === keys.length;

/** What no plane writes: the clear part and the sealed one are of one chain, and nothing is in it twice. */
const demandWhole = (document: ChainExportResource, content: ChainExportContent): void => {
  const { copies } = document.backup;
  const { placements, parts, material, authorityKeys } = content;
  const regionOf = new Map(placements.map(({ id, region }) => [id, region]));
  const isWhole =
    areDifferent(copies.map(({ placementId }) => placementId)) &&
    areDifferent(document.regions) &&
    placements.length === document.regions.length &&
    regionOf.size === placements.length &&
    document.regions.every((region) => placements.some((placement) => placement.region === region)) &&
    placements.every(({ id }) => copies.some(({ placementId }) => placementId === id)) &&
    copies.every(({ placementId, region }) => regionOf.get(placementId) === region) &&
    areDifferent(parts.map(({ id }) => id)) &&
    areDifferent(parts.map(({ kind, name }) => `${kind}/${name}`)) &&
    parts.every(({ generation, observedGeneration }) => observedGeneration <= generation) &&
    areDifferent(material.map(({ name, version }) => `${name} ${version}`)) &&
    areDifferent(authorityKeys.map(({ ref }) => ref));
  if (!isWhole) throw unreadable("its parts do not fit each other");
  const isKey = authorityKeys.every((key) => isAuthorityKey(key, Buffer.from(key.privateKey, "base64")));
  if (!isKey) throw unreadable("an authority's key is not what it says");
};

const demandFewParts = (content: ChainExportContent): void => {
  const counts = new Map<string, number>();
  for (const { kind, deletedAt } of content.parts)
    if (deletedAt === undefined) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  if ([...counts.values()].every((count) => count <= mostPartsOfKind)) return;
  throw new DomainError({
    code: "part.limit",
    message: `A chain has at most ${mostPartsOfKind} parts of a kind.`,
    hint: "Delete some of them where it comes from, and export it again.",
  });
};

/** As the framework has its parts; of deleted ones only the name counts. */
const toParts = (framework: Framework, content: ChainExportContent): PortablePart[] =>
  content.parts.map((part) => {
    const kind = framework.parts.find((each) => each.kind === part.kind);
    const isNamed = kind?.name.pattern.test(part.name) === true && part.name.length <= kind.name.maxLength;
    if (kind === undefined || !isNamed || !idPattern(kind.idPrefix).test(part.id))
      throw unreadable(`no ${part.kind} of ${framework.slug} is called so`);
    const { createdAt, deletedAt, ...columns } = part;
    return {
      ...columns,
      settings: parsePartSettings(kind, part.settings),
      createdAt: new Date(createdAt),
      deletedAt: deletedAt === undefined ? null : new Date(deletedAt),
    };
  });

const toSpecs = (parts: readonly PortablePart[]): PartSpec[] =>
  parts
    .filter(({ deletedAt, generation, observedGeneration }) => deletedAt === null || observedGeneration < generation)
    .map(({ id, kind, name, settings, generation, deletedAt }) => ({
      ...{ id, kind, name, settings, generation },
      ...(deletedAt === null ? {} : { isDeleted: true }),
    }));

const toRegions = (document: ChainExportResource, wished: ImportBody["regions"] = {}): Map<string, string> => {
  for (const from of Object.keys(wished)) {
    if (document.regions.includes(from)) continue;
    throw invalidField("regions", "unknown", `${from} is not a region of the export`, document.regions.join(", "));
  }
  return new Map(document.regions.map((region) => [region, wished[region] ?? region]));
};

/**
 * Addresses of the nodes that the chain consists of, and of no others: one that nobody asked for would wait for the node
 * that comes to have its name, wherever it points.
 */
const toPlacements = (
  framework: Framework,
  spec: ChainSpec,
  content: ChainExportContent,
  regions: ReadonlyMap<string, string>,
): ReviewedImport["placements"] => {
  const nodes = framework.topology(spec);
  return content.placements.map((placement) => {
    const region = regions.get(placement.region) ?? placement.region;
    const wanted = nodes
      .filter((node) => node.region === region)
      .flatMap((node) => node.ports.map((port) => ({ node: node.name, port: port.name })));
    const addresses = wanted.map(({ node, port }): NodeAddress => {
      const found = placement.addresses.find((address) => address.node === node && address.port === port);
      if (found === undefined) throw unreadable(`${node} has no address`);
      const { host, number } = found;
      return { node, port, host, number, bindHost: host, bindNumber: number };
    });
    return { id: placement.id, region, addresses };
  });
};

/** The backup's version must be one that the chain's can read. */
const demandReadable = ({ version, backup }: ChainExportResource, framework: Framework): void => {
  const upgrades = framework.versions.find((each) => each.version === backup.version)?.upgradesTo ?? [];
  if (backup.version === version || upgrades.includes(version)) return;
  throw new DomainError({
    code: "chain.not_restorable",
    message: `The backup is of ${framework.slug} ${backup.version}; the chain was of ${version} then.`,
    hint: "Export it with a backup of its present version.",
  });
};

/** Everything about an import that needs no database. Judged like a creation: it is a tenant's word, whoever sealed it. */
export const reviewImport = (
  deps: Pick<ApiDeps, "frameworks" | "operator">,
  body: ImportBody,
  content: ChainExportContent,
): ReviewedImport => {
  const { export: document } = body;
  demandWhole(document, content);
  const regions = toRegions(document, body.regions);
  const { framework: slug, version, plan } = document;
  const reviewed = reviewChain(deps, {
    ...{ appId: body.app, name: body.name ?? content.name, framework: slug, version, plan },
    ...{ regions: [...regions.values()], hosting: content.hosting, settings: content.settings },
  });
  const { framework } = reviewed;
  if (framework.backup === undefined)
    throw new DomainError({ code: "backup.unsupported", message: `Chains of ${slug} can't be backed up here.` });
  demandReadable(document, framework);
  demandFewParts(content);
  const parts = toParts(framework, content);
  const spec: ChainSpec = { ...reviewed.spec, chainId: document.chainId, parts: toSpecs(parts) };
  const problems = spec.parts.flatMap((part) =>
    part.isDeleted === true ? [] : (framework.reviewPart?.(spec, part, null) ?? []),
  );
  const ofChain = newProblems(framework.review(reviewed.spec, deps.operator), framework.review(spec, deps.operator));
  demandNoProblem([...problems, ...ofChain], "part.settings_invalid");
  const placements = toPlacements(framework, spec, content, regions);
  return { reviewed: { ...reviewed, spec }, hosting: content.hosting, parts, placements };
};
