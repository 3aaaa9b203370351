import type { SealContext } from "./aad.ts";

/**
 * Of an app's credentials for a registry: what was sealed for another app, host or writing of them opens for nothing. An
 * app stands where a chain does elsewhere; no chain has an app's id.
 */
export const registryContext = (
  { tenantId, appId }: { tenantId: string; appId: string },
  host: string,
  id: string,
): SealContext => ({ tenantId, chainId: appId, purpose: `registry/${host}/${id}`, version: 1 });
