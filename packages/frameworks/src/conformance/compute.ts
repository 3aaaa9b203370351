import { createHash } from "node:crypto";
import type {
  AddressesByRegion,
  ChainSpec,
  MaterialItem,
  NewMaterialItem,
  NodeSpec,
  Random,
  Signer,
} from "@portolan/domain";
import { canonicalJson } from "@portolan/domain";
import type { Framework, RegionFacts } from "../framework.ts";
import type { OperatorConfig } from "../operator-config.ts";

export interface ConformanceFixture {
  name: string;
  spec: ChainSpec;
  operator?: OperatorConfig;
}

export const must = (condition: boolean, message: string): void => {
  if (!condition) throw new Error(message);
};
export const mustEqual = (a: unknown, b: unknown, message: string): void =>
  must(canonicalJson(a) === canonicalJson(b), message);

export const freeze = <Value>(value: Value): Value => {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) freeze(member);
  return Object.freeze(value);
};

/** The same bytes in the same order each time it is made. */
const seededRandom = (): Random => {
  let count = 0;
  const block = () => createHash("sha512").update(`conformance ${count++}`).digest();
  return {
    bytes: (size) => {
      const out = new Uint8Array(size);
      for (let at = 0; at < size; at += 64) out.set(block().subarray(0, Math.min(64, size - at)), at);
      return out;
    },
  };
};

/**
 * Every port gets numbers that appear nowhere else, so that a made-up one is noticed: one to be dialled at, and another to
 * listen on, as on a cluster.
 */
const reserve = (nodes: readonly NodeSpec[]): AddressesByRegion => {
  const byRegion: { [region: string]: AddressesByRegion[string][number][] } = {};
  let number = 41_000;
  for (const node of nodes) {
    for (const port of node.ports) {
      number += 7;
      const list = byRegion[node.region] ?? [];
      byRegion[node.region] = list;
      list.push({
        node: node.name,
        port: port.name,
        host: "127.0.0.1",
        number,
        bindHost: "127.0.0.1",
        bindNumber: number + 10_003,
      });
    }
  }
  return byRegion;
};

const regionsOf = (spec: ChainSpec): RegionFacts =>
  Object.fromEntries(
    spec.regions.map((region, index) => [
      region,
      {
        placementId: `plc_${String(index).padStart(26, "0")}`,
        capabilities: {
          isolation: "none",
          hasStorageExpansion: false,
          hasSnapshots: false,
          exposures: ["internal", "admin", "gateway", "public"],
        } as const,
      },
    ]),
  );

export const withoutSecret = ({ secret: _secret, ...item }: NewMaterialItem): MaterialItem => item;

const now = new Date("2026-01-01T00:00:00.000Z");

/** All that a framework makes of a fixture, from frozen inputs. */
export const compute = async (framework: Framework, fixture: ConformanceFixture, signer: Signer) => {
  const spec = freeze(structuredClone(fixture.spec));
  const operator = freeze(structuredClone(fixture.operator ?? { forks: [] }));
  const nodes = framework.topology(spec);
  const addresses = freeze(reserve(nodes));
  const regions = freeze(regionsOf(spec));
  const context = () => ({ addresses, signer, random: seededRandom(), now, operator });
  const made = await framework.material(spec, freeze<MaterialItem[]>([]), context());
  const material = freeze(made.map(withoutSecret));
  const render = () => framework.blueprint(spec, material, { regions, addresses, operator });
  return { spec, operator, nodes, addresses, made, material, context, render };
};
