import { canonicalJson } from "../json.ts";
import type { Blueprint } from "./blueprint.ts";
import type { MaterialRef } from "./material.ts";

export interface BlueprintRefs {
  secrets: readonly MaterialRef[];
  publics: readonly MaterialRef[];
}

const unique = (refs: readonly MaterialRef[]): MaterialRef[] => {
  // Fields of one item are cut out where they are used; the item itself travels once.
  const whole = refs.map(({ material, version }) => ({ material, version }));
  return [...new Map(whole.map((ref) => [canonicalJson(ref), ref])).values()];
};

/** Which material a blueprint refers to: what its worker asks for, and all that it is given. */
export const toBlueprintRefs = (blueprint: Blueprint): BlueprintRefs => {
  const secrets: MaterialRef[] = [];
  const publics: MaterialRef[] = [];
  for (const { credential } of blueprint.registries ?? []) secrets.push(credential);
  for (const node of blueprint.nodes) {
    for (const file of node.files) {
      if ("secret" in file.content) secrets.push(file.content.secret);
      if ("public" in file.content) publics.push(file.content.public);
    }
    for (const program of [...node.processes, ...node.init, ...node.jobs]) {
      for (const value of Object.values(program.env)) {
        if (typeof value === "object" && "secret" in value) secrets.push(value.secret);
      }
    }
  }
  return { secrets: unique(secrets), publics: unique(publics) };
};
