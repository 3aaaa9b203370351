/**
 * Serial number (RFC 5280: positive, at most 20 bytes) of random bytes. The top bits are fixed so that the number is
 * positive and its DER has no leading zero: bytes and hexadecimal form stand for each other.
 */
export const toSerialNumber = (random: Uint8Array): Uint8Array => {
  const serial = new Uint8Array(random);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
};
