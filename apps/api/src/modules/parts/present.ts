import type { PartResource } from "@portolan/contract";
import { toPartState } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import { type ChainFacts, type PartRow, toPartSpec } from "@portolan/store";

export const presentPart = (row: PartRow, framework: Framework, { spec, material, view }: ChainFacts): PartResource => {
  const { id, chainId, kind, name, generation, observedGeneration, createdAt, deletedAt } = row;
  return {
    ...{ id, chainId, kind, name, generation, observedGeneration },
    settings: row.settings as PartResource["settings"],
    state: toPartState({ generation, observedGeneration, isDeleted: deletedAt !== null }),
    detail: { ...framework.presentPart?.(spec, toPartSpec(row), material, view) },
    createdAt: createdAt.toISOString(),
    ...(deletedAt === null ? {} : { deletedAt: deletedAt.toISOString() }),
  };
};
