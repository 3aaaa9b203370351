import type { ChainView, JsonObject } from "@portolan/domain";
import { z } from "zod";

/**
 * What is found of the whole chain. Regions' facts are laid over each other, so a region that does not know a member
 * leaves it out.
 */
const shape = z.object({
  /** `Net…`; the gateway takes it for the chain's other name in paths. */
  chainId: z.string(),
  /** Hash of block 0. */
  genesis: z.string(),
  /** Hash of the protocol in force, as last seen. */
  protocol: z.string().exactOptional(),
  /**
   * A block beyond block 0 was seen once. It stays so: nodes that are at block 0 later have lost their data, and a chain
   * that begins anew under the same id must not come about by itself.
   */
  isActivated: z.literal(true).exactOptional(),
});

export type OctezFacts = z.output<typeof shape>;

/** What was remembered; nothing where nothing was seen, or an older release wrote it otherwise. */
export const readFacts = (view: Pick<ChainView, "facts"> | null): OctezFacts | undefined => {
  const parsed = shape.safeParse(view?.facts);
  return parsed.success ? parsed.data : undefined;
};

export const toJson = (facts: OctezFacts): JsonObject => ({ ...facts });
