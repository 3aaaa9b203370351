import { createHash } from "node:crypto";
import {
  type AddressesByRegion,
  type ChainSpec,
  type ChainView,
  canonicalJson,
  type JsonObject,
  type MaterialItem,
  type NodeSpec,
  type Step,
} from "@portolan/domain";
import { factsByRegion, type RegionFacts } from "../facts.ts";
import { topology } from "../topology.ts";

/** What steps are computed from. */
export interface Scene {
  spec: ChainSpec;
  material: readonly MaterialItem[];
  view: ChainView;
  addresses: AddressesByRegion;
  nodes: readonly NodeSpec[];
  /** Region → what was found in it. */
  facts: { readonly [region: string]: RegionFacts };
}

export const toScene = (input: Omit<Scene, "nodes" | "facts">): Scene => ({
  ...input,
  nodes: topology(input.spec),
  facts: factsByRegion(input.view),
});

/** Region → nodes of it, in the order given. */
export const byRegion = (nodes: readonly NodeSpec[]): [string, string[]][] => {
  const regions = new Map<string, string[]>();
  for (const { region, name } of nodes) regions.set(region, [...(regions.get(region) ?? []), name]);
  return [...regions];
};

/** Distinguishes steps of one kind by what they work with: a step that succeeded once is not run again under its key. */
export const shortHash = (value: unknown): string =>
  createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, 12);

export const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

interface StepDraft {
  key: string;
  action: string;
  title: string;
  region: string;
  input: object;
  part: string;
  timeoutMs: number;
  /** Steps that come before it. */
  after: readonly Step[];
}

/** Nothing that was agreed upon in a Fabric network can be taken back, so no step is undoable. */
export const toStep = ({ after, input, ...draft }: StepDraft): Step => ({
  ...draft,
  input: JSON.parse(JSON.stringify(input)) as JsonObject,
  dependsOn: after.filter((step) => step.region !== draft.region).map((step) => step.key),
  isUndoable: false,
});
