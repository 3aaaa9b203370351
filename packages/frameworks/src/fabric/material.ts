import type {
  AddressesByRegion,
  ChainSpec,
  JsonObject,
  MaterialItem,
  NewMaterialItem,
  Random,
  Signer,
} from "@portolan/domain";
import { addAdministrators, addAuthorities } from "./material/authorities.ts";
import { addGenesisBlocks } from "./material/channels.ts";
import { createDraft, type Draft, textOf } from "./material/draft.ts";
import { addIdentities, validCertificates } from "./material/identities.ts";
import { addNodes } from "./material/nodes.ts";
import { addRevocationLists, createRevocations, type Revocations } from "./material/revocation.ts";
import { materialNames } from "./names.ts";
import { mspIdOf, ordererMspId, ordererOrganisation, readSettings } from "./settings.ts";

/** An identity that is not wanted (any more) must not get in with what it was given: told by what exists, not by parts. */
const revokeUnwanted = (draft: Draft, wanted: ReadonlySet<string>, revocations: Revocations): void => {
  for (const item of draft.items()) {
    if (!item.name.startsWith(materialNames.identity("")) || wanted.has(item.name)) continue;
    const organisation = textOf(item, "organisation");
    if (organisation === undefined) continue;
    for (const { serial } of validCertificates(item, draft.now)) revocations.add(organisation, serial);
  }
};

/**
 * What is due and was not renewed belongs to a node, organisation or identity that is gone. Its next version says so and
 * has no dates: without that, it would stay due for ever, and the chain would never stop renewing.
 */
const retireRest = (draft: Draft): void => {
  const rest = draft.items().filter(({ renewAt }) => renewAt !== undefined && new Date(renewAt) <= draft.now);
  const retired = rest.map(
    ({ renewAt: _renewAt, expiresAt: _expiresAt, ...item }): NewMaterialItem => ({
      ...item,
      version: item.version + 1,
      public: { ...(item.public as JsonObject), retired: true },
    }),
  );
  draft.add(retired.sort((a, b) => (a.name < b.name ? -1 : 1)));
};

/**
 * Keys, certificates, revocation lists and genesis blocks of a Fabric network: what is missing, and what is due. The
 * keys of authorities, administrators and held identities stay in custody; those of nodes come back as secrets.
 * Deterministic in its arguments, whatever the order of `existing` is, as far as the signer is.
 * Throws `chain.settings_invalid` for a certificate request or a channel that can't be had.
 */
export const makeMaterial = async (
  spec: ChainSpec,
  existing: readonly MaterialItem[],
  context: { addresses: AddressesByRegion; signer: Signer; random: Random; now: Date },
): Promise<NewMaterialItem[]> => {
  const settings = readSettings(spec.settings);
  const draft = createDraft(existing, context);
  const applicants = settings.organisations.map(({ name }) => name);
  const organisations = [...applicants, ordererOrganisation];
  await addAuthorities(draft, organisations);
  const members = settings.organisations.map((item) => ({ name: item.name, mspId: mspIdOf(item) }));
  await addAdministrators(draft, [...members, { name: ordererOrganisation, mspId: ordererMspId }]);
  await addNodes(draft, spec, settings, context.addresses);
  const revocations = createRevocations();
  const wanted = await addIdentities(draft, spec, settings, revocations);
  revokeUnwanted(draft, wanted, revocations);
  await addRevocationLists(draft, organisations, revocations);
  addGenesisBlocks(draft, spec, context.addresses);
  retireRest(draft);
  return draft.made();
};
