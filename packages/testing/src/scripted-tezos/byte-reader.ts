/** Takes bytes off the front, and complains when there are too few. Numbers are big-endian. */
export interface ByteReader {
  readonly left: number;
  take(size: number): Buffer;
  uint8(): number;
  int32(): number;
  int64(): bigint;
  /** Behind its length in four bytes. */
  sized(): Buffer;
  /** A natural number of any size, seven bits a byte, the lowest first. */
  natural(): bigint;
}

export const createByteReader = (bytes: Buffer): ByteReader => {
  let at = 0;
  const take = (size: number): Buffer => {
    if (size < 0 || at + size > bytes.length) throw new Error("there are too few bytes");
    at += size;
    return bytes.subarray(at - size, at);
  };
  const reader: ByteReader = {
    get left() {
      return bytes.length - at;
    },
    take,
    uint8: () => take(1).readUInt8(),
    int32: () => take(4).readInt32BE(),
    int64: () => take(8).readBigInt64BE(),
    sized: () => take(reader.int32()),
    natural: () => {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = reader.uint8();
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
      }
    },
  };
  return reader;
};
