const polynomial = 0xedb88320;

const table = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
  return value >>> 0;
});

/** CRC-32 (ISO-HDLC: the one of zip, PNG and GitHub's tokens) of an ASCII text, as an unsigned 32-bit integer. */
export const crc32 = (text: string): number => {
  let value = 0xffffffff;
  for (let index = 0; index < text.length; index++) {
    value = (value >>> 8) ^ (table[(value ^ text.charCodeAt(index)) & 255] ?? 0);
  }
  return (value ^ 0xffffffff) >>> 0;
};
