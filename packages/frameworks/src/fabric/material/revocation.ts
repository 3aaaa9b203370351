import type { NewMaterialItem } from "@portolan/domain";
import { issueCrl } from "../crypto/revocation-list.ts";
import { materialNames } from "../names.ts";
import { type Draft, inBatches, needText, textOf, textsOf } from "./draft.ts";
import { backdateMs, isWanting, toLifetime } from "./leaf.ts";

const listDays = 365;

/** Serial numbers that must be on an organisation's list. */
export interface Revocations {
  add(organisation: string, serial: string): void;
  of(organisation: string): readonly string[];
}

export const createRevocations = (): Revocations => {
  const byOrganisation = new Map<string, Set<string>>();
  return {
    add: (organisation, serial) => {
      const known = byOrganisation.get(organisation) ?? new Set();
      byOrganisation.set(organisation, known.add(serial));
    },
    of: (organisation) => [...(byOrganisation.get(organisation) ?? [])].sort(),
  };
};

const makeList = async (draft: Draft, organisation: string, serials: readonly string[]): Promise<NewMaterialItem> => {
  const name = materialNames.crl(organisation);
  const authority = materialNames.ca(organisation);
  const number = draft.nextVersion(name);
  const { notAfter, renewAt } = toLifetime(draft, listDays, authority);
  const { pem } = await issueCrl({
    issuerPem: needText(draft, authority, "pem"),
    serials,
    number,
    thisUpdate: new Date(draft.now.getTime() - backdateMs),
    nextUpdate: notAfter,
    sign: (tbs) => draft.signer.sign(authority, tbs),
  });
  return {
    name,
    version: number,
    kind: "document",
    owner: "plane",
    public: { pem, serials: [...serials], number, notAfter: notAfter.toISOString() },
    hasSecret: false,
    expiresAt: notAfter.toISOString(),
    ...(renewAt === undefined ? {} : { renewAt }),
  };
};

/**
 * A new list for each organisation that has revoked something since its last, or whose list is about to run out. What
 * was revoked once stays on the list; an organisation that never revoked anything has none.
 */
export const addRevocationLists = async (
  draft: Draft,
  organisations: readonly string[],
  revocations: Revocations,
): Promise<void> => {
  const due = organisations.flatMap((organisation) => {
    const current = draft.find(materialNames.crl(organisation));
    const listed = new Set(textsOf(current, "serials"));
    const fresh = revocations.of(organisation).filter((serial) => !listed.has(serial));
    const isOld = textOf(current, "pem") !== undefined && isWanting(draft, current, materialNames.ca(organisation));
    return fresh.length > 0 || isOld ? [{ organisation, serials: [...listed, ...fresh] }] : [];
  });
  draft.add(await inBatches(due, ({ organisation, serials }) => makeList(draft, organisation, serials)));
};
