import { z } from "zod";
import { annotationKeys } from "../labels.ts";

const fact = z.object({
  /** As the blueprint calls it. */
  process: z.string(),
  kind: z.enum(["program", "init", "job"]),
  /** Not answering for longer than this is trouble. */
  startupMs: z.number().optional(),
  /** The node runs before this one answers. */
  isAuxiliary: z.boolean().optional(),
  /** Of an init program: running for longer is trouble. */
  timeoutMs: z.number().optional(),
});

export type ContainerFact = z.output<typeof fact>;

/** What `observe` and `logs` must know of a pod's containers and the pod's own fields don't say. By container. */
export type ContainerFacts = { readonly [container: string]: ContainerFact };

const facts = z.record(z.string(), fact);

export const toFactsAnnotation = (of: ContainerFacts): { [key: string]: string } => ({
  [annotationKeys.processes]: JSON.stringify(of),
});

/** Of a pod's or pod template's annotations; empty where somebody has spoilt it. */
export const readFacts = (annotations: { readonly [key: string]: string } | undefined): ContainerFacts => {
  try {
    return facts.parse(JSON.parse(annotations?.[annotationKeys.processes] ?? "{}"));
  } catch {
    return {};
  }
};
