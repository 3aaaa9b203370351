import { createHash } from "node:crypto";
import type { ChainSpec, JsonObject, MaterialItem, NewMaterialItem } from "@portolan/domain";
import { DomainError } from "@portolan/domain";
import { parseCsr } from "../crypto/csr.ts";
import { materialNames } from "../names.ts";
import { type IdentitySettings, identitiesOf, type Part } from "../parts.ts";
import { type FabricSettings, mspIdOf } from "../settings.ts";
import { type Draft, inBatches, memberOf, textOf } from "./draft.ts";
import { custodyKey, issueLeaf, isWanting } from "./leaf.ts";
import type { Revocations } from "./revocation.ts";

/** Certificates of one identity that are valid beside its newest. Of more, the oldest is revoked. */
const maxEarlier = 8;

/** A certificate that was followed by another of the same identity, and still opens what that one opens. */
interface Earlier {
  serial: string;
  notAfter: string;
}

const isEarlier = (value: unknown): value is Earlier =>
  typeof value === "object" && value !== null && "serial" in value && "notAfter" in value;

/** All of an identity's certificates that are valid by now, oldest first. */
export const validCertificates = (item: MaterialItem, now: Date): Earlier[] => {
  const earlier = memberOf(item, "earlier");
  const newest: Earlier = { serial: textOf(item, "serial") ?? "", notAfter: textOf(item, "notAfter") ?? "" };
  return [...(Array.isArray(earlier) ? (earlier as readonly unknown[]) : []), newest].filter(
    (entry): entry is Earlier => isEarlier(entry) && entry.serial !== "" && new Date(entry.notAfter) > now,
  );
};

const readRequest = (part: Part<IdentitySettings>, csr: string): string => {
  try {
    return parseCsr(csr).publicKeyPem;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    throw new DomainError({
      code: error.code,
      message: `Identity "${part.name}": ${error.message}`,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
  }
};

/** What of a part its certificate is made for. Where it differs, another is made; `request` is the digest of a CSR. */
const toClaim = ({ settings }: Part<IdentitySettings>) => ({
  organisation: settings.organisation,
  role: settings.role,
  request: settings.keys.mode === "own" ? createHash("sha256").update(settings.keys.csr).digest("hex") : undefined,
});

const isRank = (item: MaterialItem, claim: ReturnType<typeof toClaim>): boolean =>
  textOf(item, "organisation") === claim.organisation && textOf(item, "role") === claim.role;

const isCurrent = (draft: Draft, item: MaterialItem | undefined, part: Part<IdentitySettings>): boolean => {
  const claim = toClaim(part);
  if (item === undefined || !isRank(item, claim) || textOf(item, "request") !== claim.request) return false;
  // Its owner's key: only its owner can say that it shall be certified for longer, by a new request.
  if (claim.request !== undefined) return memberOf(item, "retired") !== true;
  return !isWanting(draft, item, materialNames.ca(claim.organisation));
};

const issueIdentity = async (
  draft: Draft,
  part: Part<IdentitySettings>,
  mspId: string,
  revocations: Revocations,
): Promise<NewMaterialItem> => {
  const { keys, validDays } = part.settings;
  const name = materialNames.identity(part.id);
  const claim = toClaim(part);
  const current = draft.find(name);
  const valid = current === undefined ? [] : validCertificates(current, draft.now);
  const kept = current !== undefined && isRank(current, claim) ? valid.slice(-maxEarlier) : [];
  // Another role or organisation: what the old certificates allowed must end with it.
  for (const { serial } of valid)
    if (!kept.some((entry) => entry.serial === serial))
      revocations.add(textOf(current, "organisation") ?? claim.organisation, serial);
  const uploaded = keys.mode === "own" ? readRequest(part, keys.csr) : undefined;
  const facts = (publicKey: string): JsonObject => ({
    organisation: claim.organisation,
    mspId,
    role: claim.role,
    publicKey,
    ...(claim.request === undefined ? {} : { request: claim.request }),
    ...(kept.length === 0 ? {} : { earlier: kept.map(({ serial, notAfter }) => ({ serial, notAfter })) }),
  });
  let publicKey = uploaded ?? "";
  const item = await issueLeaf(draft, {
    name,
    owner: uploaded === undefined ? "plane" : "customer",
    authority: materialNames.ca(claim.organisation),
    subject: { commonName: part.name, organisation: claim.organisation, unit: claim.role },
    usage: "identity",
    days: validDays,
    isRenewed: uploaded === undefined,
    publicKey: async () => {
      publicKey = uploaded ?? (await custodyKey(draft, name)());
      return publicKey;
    },
  });
  return { ...item, public: { ...facts(publicKey), ...(item.public as JsonObject) } };
};

/**
 * Certificates of identities: their owner's key by a request, or one that custody holds. Identities of an organisation
 * that the network doesn't have (any more) get none. Answers the names of those that are wanted.
 * Throws `chain.settings_invalid` where a request can't be used.
 */
export const addIdentities = async (
  draft: Draft,
  spec: ChainSpec,
  settings: FabricSettings,
  revocations: Revocations,
): Promise<ReadonlySet<string>> => {
  const mspIds = new Map(settings.organisations.map((organisation) => [organisation.name, mspIdOf(organisation)]));
  const wanted = identitiesOf(spec).filter((part) => !part.isDeleted && mspIds.has(part.settings.organisation));
  const due = wanted.filter((part) => !isCurrent(draft, draft.find(materialNames.identity(part.id)), part));
  const made = await inBatches(due, (part) =>
    issueIdentity(draft, part, mspIds.get(part.settings.organisation) ?? "", revocations),
  );
  draft.add(made);
  return new Set(wanted.map(({ id }) => materialNames.identity(id)));
};
