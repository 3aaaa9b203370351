import { z } from "zod";

/** What a key may be used for. `rpc:dev` adds the development namespaces on plan `dev`; it does not include `rpc`. */
export const keyScopes = ["rpc", "rpc:dev"] as const;
export const keyScopeSchema = z.enum(keyScopes);
export type KeyScope = z.infer<typeof keyScopeSchema>;

/** A key's scopes: at least one, none twice. */
export const keyScopesSchema = z
  .array(keyScopeSchema)
  .min(1)
  .max(keyScopes.length)
  .refine((scopes) => new Set(scopes).size === scopes.length, "A scope is named twice.");
