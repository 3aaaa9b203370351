import { canonicalJson } from "@portolan/domain";

/** What a secret belongs to. A blob opens only in the context that it was sealed in. */
export interface SealContext {
  tenantId: string;
  chainId: string;
  /** What it is for, e.g. `material/genesis-key` or `work-order`. */
  purpose: string;
  /** Of the material, counting from 1. */
  version: number;
}

/** Canonical bytes of a context: exactly the four fields, whatever else the object carries, behind a domain label. */
export const encodeContext = (label: string, { tenantId, chainId, purpose, version }: SealContext): Buffer => {
  if (!Number.isSafeInteger(version) || version < 0) throw new RangeError("version must be a natural number");
  return Buffer.from(`portolan/${label}\n${canonicalJson({ chainId, purpose, tenantId, version })}`, "utf8");
};
