import type { Blueprint } from "./blueprint.ts";
import { parseImageReference } from "./image-reference.ts";
import type { MaterialRef } from "./material.ts";
import type { PlacementObservation } from "./view.ts";

/** Credentials of an app for a registry, by reference: `version` is another one whenever they are written. */
export interface RegistryCredential {
  host: string;
  version: number;
}

const prefix = "registry/";

/**
 * What a blueprint calls them. They are no material of the chain (frameworks make none of this prefix): their place is
 * the app, and their owner replaces them.
 */
export const toRegistryRef = ({ host, version }: RegistryCredential): MaterialRef => ({
  material: `${prefix}${host}`,
  version,
});

/** The registry that a reference is about; null: it is one to material of the chain. */
export const registryOf = ({ material }: Pick<MaterialRef, "material">): string | null =>
  material.startsWith(prefix) ? material.slice(prefix.length) : null;

/** Registries that images of tenants' own are pulled from. */
const registriesOf = (blueprint: Pick<Blueprint, "nodes">): Set<string> =>
  new Set(
    blueprint.nodes
      .filter((node) => node.isTenantCode === true)
      .flatMap((node) => [...node.init, ...node.processes, ...node.jobs])
      .flatMap(({ program }) => parseImageReference(program.image)?.registry ?? []),
  );

/** The blueprint with the app's credentials for just those registries that tenants' images of it come from. */
export const withRegistries = (blueprint: Blueprint, known: readonly RegistryCredential[]): Blueprint => {
  if (known.length === 0) return blueprint;
  const wanted = registriesOf(blueprint);
  const registries = known
    .filter(({ host }) => wanted.has(host))
    .map((credential) => ({ host: credential.host, credential: toRegistryRef(credential) }));
  return registries.length === 0 ? blueprint : { ...blueprint, registries };
};

/** Which credentials a blueprint has, for comparing: `host@version`, in order. */
export const toRegistryKeys = ({ registries = [] }: Pick<Blueprint, "registries">): string[] =>
  registries.map(({ host, credential }) => `${host}@${credential.version}`).sort();

/** Whether just those credentials are laid in that the blueprint has: not the former ones, not one too many. */
export const hasRegistriesOf = (
  blueprint: Pick<Blueprint, "registries">,
  { registries = [] }: Pick<PlacementObservation, "registries">,
): boolean => toRegistryKeys(blueprint).join() === registries.join();
