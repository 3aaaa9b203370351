import type { NewMaterialItem } from "@portolan/domain";
import { issueCertificate } from "../crypto/certificate.ts";
import { toSerialNumber } from "../crypto/serial-number.ts";
import { materialNames } from "../names.ts";
import { type Draft, inBatches, textOf } from "./draft.ts";
import { custodyKey, dayMs, issueLeaf, isWanting } from "./leaf.ts";

/** An authority outlives what it signs by far: to change it is a change of every channel. */
const authorityDays = 15 * 365;

/**
 * Fabric checks a certificate's chain as of the moment at which the certificate begins. An authority begins well
 * before anything that it signs, also where the one who signs has a clock that is behind.
 */
const authorityBackdateMs = 3_600_000;

const administratorDays = 365;

const issueAuthority = async (
  draft: Draft,
  { name, organisation }: { name: string; organisation?: string },
): Promise<NewMaterialItem> => {
  const serial = toSerialNumber(draft.random.bytes(16));
  const issued = await issueCertificate({
    subject: { commonName: name.replace("/", "."), ...(organisation === undefined ? {} : { organisation }) },
    publicKey: await custodyKey(draft, name)(),
    isAuthority: true,
    usage: "ca",
    notBefore: new Date(draft.now.getTime() - authorityBackdateMs),
    notAfter: new Date(draft.now.getTime() + authorityDays * dayMs),
    serial,
    issuer: null,
    sign: (tbs) => draft.signer.sign(name, tbs),
  });
  return {
    name,
    version: 1,
    kind: "certificate",
    owner: "plane",
    public: { pem: issued.pem, notAfter: issued.notAfter },
    hasSecret: false,
    expiresAt: issued.notAfter,
  };
};

/** Two roots for each organisation and the operator's own. Made once; what exists is never made anew. */
export const addAuthorities = async (draft: Draft, organisations: readonly string[]): Promise<void> => {
  const wanted = [
    ...organisations.flatMap((organisation) => [
      { name: materialNames.ca(organisation), organisation },
      { name: materialNames.tlsCa(organisation), organisation },
    ]),
    { name: materialNames.operatorCa },
  ];
  const missing = wanted.filter(({ name }) => draft.find(name) === undefined);
  draft.add(await inBatches(missing, (authority) => issueAuthority(draft, authority)));
};

/**
 * The administrator of each organisation, as whom the plane acts; the key stays in custody. Its MSP id stands beside the
 * certificate: when an organisation is gone from the settings, its word is still needed to take it off its channels.
 */
export const addAdministrators = async (
  draft: Draft,
  organisations: readonly { name: string; mspId: string }[],
): Promise<void> => {
  const wanted = organisations
    .map((organisation) => ({
      organisation: organisation.name,
      mspId: organisation.mspId,
      name: materialNames.admin(organisation.name),
      authority: materialNames.ca(organisation.name),
    }))
    .filter(({ name, mspId, authority }) => {
      const current = draft.find(name);
      return textOf(current, "mspId") !== mspId || isWanting(draft, current, authority);
    });
  const made = await inBatches(wanted, ({ organisation, mspId, name, authority }) =>
    issueLeaf(draft, {
      name,
      owner: "plane",
      authority,
      subject: { commonName: name.replace("/", "."), organisation, unit: "admin" },
      usage: "identity",
      days: administratorDays,
      isRenewed: true,
      publicKey: custodyKey(draft, name),
      facts: { mspId },
    }),
  );
  draft.add(made);
};
