import type { CentrePort, PlacementClaim } from "@portolan/contract";
import { DomainError, type MaterialRef, toBlueprintRefs, type WorkOrder } from "@portolan/domain";
import type { SecretSource } from "@portolan/runtimes";

export interface SecretOpenerDeps {
  centre: Pick<CentrePort, "secrets" | "publics">;
  loadAsset(framework: string, path: string): Uint8Array;
  /** This worker's X25519 pair: what was sealed to it opens only here. */
  keys: {
    publicKey: string;
    open(sealed: Uint8Array, context: { tenantId: string; chainId: string; ref: MaterialRef }): Uint8Array;
  };
}

const refKey = (ref: MaterialRef): string => `${ref.material}@${ref.version}`;

/** Picks one member of a secret that is a JSON object. */
const pick = (bytes: Uint8Array, field: string | undefined): Uint8Array => {
  if (field === undefined) return bytes;
  const member = (JSON.parse(Buffer.from(bytes).toString("utf8")) as { [name: string]: unknown })[field];
  if (typeof member !== "string")
    throw new DomainError({ code: "material.failed", message: "A secret lacks the field that the blueprint names." });
  return Buffer.from(member, "utf8");
};

/** Fetches what an order's blueprint references and opens it for one turn. Null: the lease was lost. */
export const createSecretOpener = (deps: SecretOpenerDeps) => {
  const { centre } = deps;
  return async (claim: PlacementClaim, order: WorkOrder): Promise<SecretSource | null> => {
    const secrets = new Map<string, Uint8Array>();
    const publics = new Map<string, ReturnType<SecretSource["public"]>>();
    if (order.blueprint !== undefined) {
      const refs = toBlueprintRefs(order.blueprint);
      if (refs.secrets.length > 0) {
        const answer = await centre.secrets(claim.placementId, claim.fence, refs.secrets, deps.keys.publicKey);
        if (answer.fenced) return null;
        for (const { ref, sealed } of answer.secrets) {
          secrets.set(
            refKey(ref),
            deps.keys.open(Buffer.from(sealed, "base64"), { tenantId: claim.tenantId, chainId: claim.chainId, ref }),
          );
        }
      }
      if (refs.publics.length > 0) {
        const answer = await centre.publics(claim.placementId, claim.fence, refs.publics);
        if (answer.fenced) return null;
        for (const { ref, value } of answer.items) publics.set(refKey(ref), value);
      }
    }
    const missing = (ref: MaterialRef) =>
      new DomainError({ code: "material.failed", message: `Material ${ref.material} is not there.`, retryable: true });
    return {
      secret: (ref) => {
        const bytes = secrets.get(refKey(ref));
        if (bytes === undefined) throw missing(ref);
        return pick(bytes, ref.field);
      },
      public: (ref) => {
        const value = publics.get(refKey(ref));
        if (value === undefined) throw missing(ref);
        return value;
      },
      asset: (path) => deps.loadAsset(order.chain.framework, path),
    };
  };
};
