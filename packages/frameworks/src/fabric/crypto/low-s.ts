import { p256 } from "@noble/curves/nist.js";

const order = p256.Point.Fn.ORDER;

/**
 * A P-256 signature (DER) with the lower of its two S values. Both verify everywhere else, but Fabric refuses the high
 * one, so that nobody can make a second signature out of a first. Throws on what is not such a signature.
 */
export const toLowS = (der: Uint8Array): Uint8Array => {
  const signature = p256.Signature.fromBytes(der, "der");
  if (!signature.hasHighS()) return der;
  return new p256.Signature(signature.r, order - signature.s).toBytes("der");
};
