/** Length of DER: short form below 128, else the number of bytes and the bytes. */
const toLength = (length: number): Uint8Array => {
  if (length < 128) return Uint8Array.of(length);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Uint8Array.of(0x80 | bytes.length, ...bytes);
};

const toElement = (tag: number, content: Uint8Array): Uint8Array =>
  new Uint8Array(Buffer.concat([Uint8Array.of(tag), toLength(content.length), content]));

/** AlgorithmIdentifier of ecdsa-with-SHA256. */
const ecdsaWithSha256 = new Uint8Array(Buffer.from("300a06082a8648ce3d040302", "hex"));

/**
 * What certificates, requests and revocation lists have in common: SEQUENCE { what is signed, algorithm, signature }.
 * It takes the very bytes that were signed, so that no second encoding can differ from them.
 */
export const toSigned = (tbs: Uint8Array, signature: Uint8Array): Uint8Array =>
  toElement(0x30, Buffer.concat([tbs, ecdsaWithSha256, toElement(0x03, Buffer.concat([Uint8Array.of(0), signature]))]));
