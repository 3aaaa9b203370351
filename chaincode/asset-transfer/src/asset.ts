/** What the ledger holds of an asset. */
export interface Asset {
  id: string;
  /** Who may change it: the id that Fabric gives a client from its certificate's subject and issuer. */
  owner: string;
  description: string;
  /** Whole units of whatever the network agreed on; a decimal string, because doubles round large numbers. */
  value: string;
}

const bytes = (text: string): number => Buffer.byteLength(text, "utf8");

/** Throws unless the id can be a key: it is part of ranges that are listed. */
export const checkId = (id: string): string => {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id)) return id;
  throw new Error("an id has 1 to 64 letters, digits, dots, hyphens and underscores");
};

export const checkDescription = (description: string): string => {
  if (bytes(description) <= 1_024) return description;
  throw new Error("a description has at most 1024 bytes");
};

export const checkValue = (value: string): string => {
  if (/^(0|[1-9][0-9]{0,29})$/.test(value)) return value;
  throw new Error("a value is a whole number of at most 30 digits, without sign");
};

export const checkOwner = (owner: string): string => {
  if (owner.startsWith("x509::") && bytes(owner) <= 2_048) return owner;
  throw new Error("an owner is a client's id, as whoAmI answers it");
};

/** Every endorser must write the same bytes, so the order of the members is fixed here. */
export const toBytes = ({ id, owner, description, value }: Asset): Uint8Array =>
  Buffer.from(JSON.stringify({ id, owner, description, value }), "utf8");

export const fromBytes = (state: Uint8Array): Asset => JSON.parse(Buffer.from(state).toString("utf8")) as Asset;
