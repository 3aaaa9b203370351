import type {
  AddressesByRegion,
  ChainSpec,
  ChainView,
  JsonObject,
  MaterialItem,
  NodeSpec,
  Step,
} from "@portolan/domain";
import { factsByRegion, inForceOf, nodesByAddress, type RegionFacts } from "../facts.ts";
import { type Inspection, inspection, readInspection } from "../inspection.ts";
import { topology, validatorName, validatorOrdinals } from "../topology.ts";

/** What steps are computed from. */
export interface Scene {
  spec: ChainSpec;
  view: ChainView;
  inspection: Inspection;
  /** Those that leave among them. */
  nodes: readonly NodeSpec[];
  facts: { readonly [region: string]: RegionFacts };
  /** Addresses in force, ascending. Undefined: nobody has said it yet. */
  inForce: readonly string[] | undefined;
  /** Node → address of the validators that are wished. */
  wished: ReadonlyMap<string, string>;
  /** Address → node, of all that ever had a key. */
  names: ReadonlyMap<string, string>;
}

/** Undefined where what it is about has not been made yet. */
export const toScene = (input: {
  spec: ChainSpec;
  material: readonly MaterialItem[];
  view: ChainView;
  addresses: AddressesByRegion;
}): Scene | undefined => {
  const { spec, material, view, addresses } = input;
  const known = readInspection(inspection(spec, material, addresses));
  if (known === undefined) return undefined;
  const names = nodesByAddress(material);
  const wishedNames = new Set(validatorOrdinals(spec).map(validatorName));
  const wished = new Map([...names].flatMap(([address, name]) => (wishedNames.has(name) ? [[name, address]] : [])));
  return {
    ...{ spec, view, names, wished, inspection: known },
    nodes: topology(spec),
    facts: factsByRegion(view),
    inForce: inForceOf(view),
  };
};

export const isHealthy = (scene: Scene, node: string): boolean => scene.view.nodes[node]?.healthy === true;

/** Whether every validator that is well is connected to the node: those without a connection hear nothing of its votes. */
export const isConnected = (scene: Scene, node: string): boolean =>
  Object.values(scene.facts).every(({ lacking }) =>
    Object.entries(lacking).every(
      ([validator, missing]) =>
        validator === node ||
        missing[node] === undefined ||
        !isHealthy(scene, validator) ||
        scene.inForce?.includes(scene.inspection.nodes[validator]?.address.toLowerCase() ?? "") !== true,
    ),
  );

export interface StepDraft {
  key: string;
  action: string;
  title: string;
  region: string;
  node?: string;
  input: object;
  /** Keys of steps that come before it. */
  dependsOn?: readonly string[];
  isUndoable?: boolean;
  timeoutMs: number;
}

export const toStep = ({ input, dependsOn = [], isUndoable = true, ...draft }: StepDraft): Step => ({
  ...draft,
  input: JSON.parse(JSON.stringify(input)) as JsonObject,
  dependsOn,
  isUndoable,
});
