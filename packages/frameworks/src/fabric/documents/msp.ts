import type { JsonObject, MaterialItem } from "@portolan/domain";
import { textOf } from "../material/draft.ts";
import { materialNames } from "../names.ts";

/**
 * What others need to know of an organisation to tell its members: its authorities, who is what by organisational unit,
 * what was revoked. Null before the authorities are made.
 */
export const toMspDocument = (
  organisation: { name: string; mspId: string },
  find: (name: string) => MaterialItem | undefined,
): JsonObject | null => {
  const caPem = textOf(find(materialNames.ca(organisation.name)), "pem");
  const tlsCaPem = textOf(find(materialNames.tlsCa(organisation.name)), "pem");
  if (caPem === undefined || tlsCaPem === undefined) return null;
  return {
    organisation: organisation.name,
    mspId: organisation.mspId,
    caPem,
    tlsCaPem,
    crlPem: textOf(find(materialNames.crl(organisation.name)), "pem") ?? null,
    nodeOus: { client: "client", peer: "peer", admin: "admin", orderer: "orderer" },
  };
};
