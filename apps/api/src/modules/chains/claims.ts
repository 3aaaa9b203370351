import type { ChainClaim } from "@portolan/frameworks";
import { chainClaimRepository, type StoreTransaction } from "@portolan/store";
import { demandNoProblem, type ReviewedChain } from "./review.ts";

const claimsOf = ({ framework, spec }: ReviewedChain): readonly ChainClaim[] => framework.claims?.(spec) ?? [];

const refuse = (claims: readonly ChainClaim[], names: readonly string[]): void =>
  demandNoProblem(
    claims
      .filter(({ name }) => names.includes(name))
      .map(({ path }) => ({
        path,
        code: "chain.settings_invalid",
        message: "Another chain of this plane has it already.",
        hint: "Choose another one, or leave it out: then the chain gets one that nobody has.",
      })),
  );

/** Throws where the chain would be called as another one is. What it says may be over when the chain is made. */
export const demandUnclaimed = async (transaction: StoreTransaction, reviewed: ReviewedChain): Promise<void> => {
  const claims = claimsOf(reviewed);
  const names = claims.map(({ name }) => name);
  refuse(claims, await chainClaimRepository.taken(transaction, names));
};

/** Takes the chain's names for as long as it lives; throws where another has one, however short a time before. */
export const takeClaims = async (
  transaction: StoreTransaction,
  { tenantId, chainId, reviewed }: { tenantId: string; chainId: string; reviewed: ReviewedChain },
): Promise<void> => {
  const claims = claimsOf(reviewed);
  const names = claims.map(({ name }) => name);
  refuse(claims, await chainClaimRepository.take(transaction, { tenantId, chainId, names }));
};
