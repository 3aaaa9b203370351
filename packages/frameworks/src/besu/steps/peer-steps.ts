import type { Step } from "@portolan/domain";
import { byRegion } from "../../nodes-by-region.ts";
import { shortHash } from "../../short-hash.ts";
import { type Scene, toStep } from "./scene.ts";

/** A connection that is missing once may be one that is being renewed. */
const looks = 2;

/**
 * Nodes that a validator is not connected to though both answer. The file that lists them is read at a start only, so a
 * node that runs is told; those that answer calls learn it from the other end.
 */
export const peerSteps = (scene: Scene): Step[] => {
  const answers = new Set(
    scene.nodes.flatMap(({ name }) => (scene.view.nodes[name]?.height === undefined ? [] : [name])),
  );
  const lacking = new Map(Object.values(scene.facts).flatMap((facts) => Object.entries(facts.lacking)));
  const missing = new Map(
    scene.nodes.flatMap(({ name }) => {
      const others = Object.entries(lacking.get(name) ?? {}).flatMap(([other, count]) =>
        count >= looks && answers.has(other) ? [other] : [],
      );
      return answers.has(name) && others.length > 0 ? [[name, others] as const] : [];
    }),
  );
  return byRegion(scene.nodes.filter(({ name }) => missing.has(name))).map(([region, names]) => {
    const links = names.map((node) => ({ node, others: missing.get(node) ?? [] }));
    return toStep({
      key: `peers/${shortHash([links, region])}`,
      action: "peers.add",
      title: `Connect ${names.join(", ")} with all others`,
      region,
      input: { links },
      timeoutMs: 60_000,
    });
  });
};
