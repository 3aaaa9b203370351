import type { MaterialItem } from "@portolan/domain";

/** Names of material, and of the keys that custody signs with by reference. One place, so that nobody spells them. */
export const materialNames = {
  /** Root certificate of an organisation's enrolment CA; the key stays in custody under the same name. */
  ca: (organisation: string): string => `ca/${organisation}`,
  tlsCa: (organisation: string): string => `tlsca/${organisation}`,
  /**
   * Signs short-lived client certificates for the orderers' admin listener, and nothing else: what a worker may ask of
   * it is worth no more than that listener.
   */
  operatorCa: "operator-ca",
  /** Private keys (sealed, PKCS #8 PEM) and certificates (public) of a node. */
  enrolmentKey: (node: string): string => `node/${node}/enrolment-key`,
  enrolment: (node: string): string => `node/${node}/enrolment`,
  tlsKey: (node: string): string => `node/${node}/tls-key`,
  tls: (node: string): string => `node/${node}/tls`,
  /** An organisation's administrator, with which the plane acts; its key stays in custody. */
  admin: (organisation: string): string => `admin/${organisation}`,
  /** Block 0 of a channel. */
  genesis: (channelId: string): string => `channel/${channelId}/genesis`,
  /** A user's certificate; where the plane holds the key it is in custody under the same name. */
  identity: (id: string): string => `identity/${id}`,
  /** Revoked certificates of an organisation. */
  crl: (organisation: string): string => `crl/${organisation}`,
} as const;

/** The newest version of an item. */
export const newest = <Item extends Pick<MaterialItem, "name" | "version">>(
  items: readonly Item[],
  name: string,
): Item | undefined =>
  items.reduce<Item | undefined>(
    (best, item) => (item.name === name && (best === undefined || item.version > best.version) ? item : best),
    undefined,
  );
