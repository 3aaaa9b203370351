import type {
  AddressesByRegion,
  ChainSpec,
  ChainView,
  JsonObject,
  MaterialItem,
  NodeSpec,
  Step,
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
