import { gunzipSync } from "node:zlib";

/** Of a state as it is sent: compressed, or plain JSON. As hexadecimal text it is twice as long. */
export const maxStateBytes = 2 * 1_048_576;
/** Of a state once it is unpacked: what the node has to hold. */
export const maxUnpackedBytes = 32 * 1_048_576;

type Problem = { message: string; hint: string } | null;

const notState: Problem = {
  message: "A state is one hexadecimal text, of JSON or of JSON in gzip.",
  hint: "Send what anvil_dumpState answered.",
};

const tooLarge: Problem = {
  message: `A state is at most ${maxStateBytes} bytes, and ${maxUnpackedBytes} bytes unpacked.`,
  hint: "Load a smaller state.",
};

const isGzip = (bytes: Buffer): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/**
 * What is wrong with the parameters of `anvil_loadState`. Gzip can say 1 GB in 1 MB, so the state is unpacked here, at
 * most up to the bound, and thrown away. Synchronous: it takes up to about 0.1 s of the calling thread (2 MiB in,
 * 32 MiB out), so a caller charges its rate first and lets each chain do it for a small part of the time only.
 */
export const stateProblem = (params: readonly unknown[]): Problem => {
  const [text, ...rest] = params;
  if (typeof text !== "string" || rest.length > 0) return notState;
  const digits = text.startsWith("0x") ? text.slice(2) : text;
  if (digits.length > 2 * maxStateBytes) return tooLarge;
  const bytes = Buffer.from(digits, "hex");
  // The decoder ends at the first character that is no digit.
  if (bytes.length === 0 || bytes.length * 2 !== digits.length) return notState;
  if (!isGzip(bytes)) return null;
  try {
    gunzipSync(bytes, { maxOutputLength: maxUnpackedBytes });
    return null;
  } catch (error) {
    return error instanceof RangeError ? tooLarge : notState;
  }
};
