import type { SecretSource } from "../../runtime.ts";
import type { RenderedNode } from "./rendered.ts";

/**
 * The node with public material, assets and secrets in it, named by what is in it. Pure. Throws a DomainError where an
 * object would be larger than a cluster takes (1 MiB). The result holds secrets: not to be logged or kept.
 */
export const fillSecrets = (_node: RenderedNode, _source: SecretSource): RenderedNode => {
  throw new Error("not there yet");
};
