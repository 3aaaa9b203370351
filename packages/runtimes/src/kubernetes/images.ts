import type { KubernetesSettings } from "./settings.ts";

const digest = /@sha256:[0-9a-f]{64}$/;

/** Whether what is pulled is one thing for ever. */
export const hasDigest = (image: string): boolean => digest.test(image);

/** `node:24` means Docker Hub's `library/node`; only a first part with a dot or port, or `localhost`, is a registry. */
const withoutRegistry = (image: string): string => {
  const [first = "", ...rest] = image.split("/");
  if (rest.length === 0) return `library/${image}`;
  const isRegistry = first.includes(".") || first.includes(":") || first === "localhost";
  return isRegistry ? rest.join("/") : image;
};

/**
 * What is pulled for a blueprint's image: what the operator put in its place, else the same at the mirror, else itself.
 */
export const toImage = (image: string, settings: Pick<KubernetesSettings, "images" | "mirror">): string => {
  const replaced = settings.images.find(({ match }) => match === image);
  if (replaced !== undefined) return replaced.use;
  return settings.mirror === undefined ? image : `${settings.mirror.replace(/\/+$/, "")}/${withoutRegistry(image)}`;
};
