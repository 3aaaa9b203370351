import type { SealContext } from "./aad.ts";

/** A material's context: it opens as this item of this chain, or not at all. */
export const materialContext = (
  owner: Pick<SealContext, "tenantId" | "chainId">,
  name: string,
  version: number,
): SealContext => ({ tenantId: owner.tenantId, chainId: owner.chainId, purpose: `material/${name}`, version });
