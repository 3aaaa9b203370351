import { toRefusal } from "./refusal.ts";

/** What the API server takes in one ConfigMap or Secret, all values together (as they are, not as base64). */
const maxBytes = 1_048_576;

/** Throws where the API server would refuse. Values are text or base64. */
export const checkSize = (
  node: string,
  what: "files" | "secrets",
  data: { readonly [key: string]: string },
  binaryData: { readonly [key: string]: string } = {},
): void => {
  const size =
    Object.values(data).reduce((sum, text) => sum + Buffer.byteLength(text), 0) +
    Object.values(binaryData).reduce((sum, text) => sum + Buffer.byteLength(text, "base64"), 0);
  if (size <= maxBytes) return;
  throw toRefusal(
    `The ${what} of the node ${node} have ${size} bytes together; a cluster takes at most ${maxBytes}.`,
    undefined,
    "Make the chain's settings smaller (a genesis with fewer accounts, a shorter configuration).",
  );
};
