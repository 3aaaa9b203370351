import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * What a node shows for a tunnel: that the plane rendered this address for this chain. It opens nothing else, so it is no
 * secret of the chain's, and holds no longer than the address does.
 */
export interface Permits {
  issue(chainId: string, address: string): string;
  /** Whose it is; undefined when it is not for this address. */
  verify(permit: string, address: string): string | undefined;
}

const form = /^([a-z0-9_]{1,64})\.([0-9a-f]{64})$/;

/** Permits of a key that only the plane has. Equal input gives equal text, so that nodes are not started anew. */
export const createPermits = (key: Uint8Array): Permits => {
  if (key.length < 32) throw new Error("the key of permits has less than 32 bytes");
  const seal = (chainId: string, address: string): Buffer =>
    createHmac("sha256", key).update(`chaincode permit\n${chainId}\n${address}`).digest();
  return {
    issue: (chainId, address) => `${chainId}.${seal(chainId, address).toString("hex")}`,
    verify: (permit, address) => {
      const [, chainId, shown] = form.exec(permit) ?? [];
      if (chainId === undefined || shown === undefined) return undefined;
      return timingSafeEqual(Buffer.from(shown, "hex"), seal(chainId, address)) ? chainId : undefined;
    },
  };
};
