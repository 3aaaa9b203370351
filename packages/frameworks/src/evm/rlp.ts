/** What RLP knows: bytes, and lists of what it knows. */
export type RlpItem = Uint8Array | readonly RlpItem[];

const lengthBytes = (length: number): number[] => {
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return bytes;
};

const withPrefix = (offset: number, payload: Uint8Array): Uint8Array => {
  const size = lengthBytes(payload.length);
  const prefix = payload.length <= 55 ? [offset + payload.length] : [offset + 55 + size.length, ...size];
  return Uint8Array.from([...prefix, ...payload]);
};

/** Recursive length prefix (yellow paper, appendix B). */
export const encodeRlp = (item: RlpItem): Uint8Array => {
  if (item instanceof Uint8Array)
    return item.length === 1 && (item[0] ?? 0) < 0x80 ? Uint8Array.from(item) : withPrefix(0x80, item);
  return withPrefix(0xc0, Uint8Array.from(item.flatMap((inner) => [...encodeRlp(inner)])));
};
