import { DomainError } from "@portolan/domain";
import { regionRepository, type StoreTransaction } from "@portolan/store";
import { capabilitiesOf } from "../chains/capabilities-of.ts";

/**
 * What can lay a copy of nodes' data away can lay one in, too; of a region that has not said yet, it is taken to be so.
 * @throws DomainError `backup.unsupported`: one of these regions can't.
 */
export const demandCopies = async (transaction: StoreTransaction, slugs: readonly string[]): Promise<void> => {
  const regions = await regionRepository.bySlugs(transaction, slugs);
  const unable = capabilitiesOf(regions).findIndex((known) => known?.hasSnapshots === false);
  const region = regions[unable];
  if (region === undefined) return;
  const message = `The region ${region.slug} takes no copies of its nodes' data.`;
  throw new DomainError({ code: "backup.unsupported", message });
};
