import { skipString } from "../pipeline/json-scan.ts";

const quote = 34;
const colon = 58;

/** Members that JSON text names: what stands behind a colon outside of strings. */
const countNamed = (text: string): number => {
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = skipString(text, at) - 1;
    else if (code === colon) count += 1;
  }
  return count;
};

/** Members of all objects of a value that was parsed. Not recursive: callers nest as deep as they like. */
const countKept = (body: unknown): number => {
  let count = 0;
  const open = [body];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    const members: unknown[] = Array.isArray(value) ? value : Object.values(value as object);
    if (!Array.isArray(value)) count += members.length;
    for (const member of members) if (typeof member === "object" && member !== null) open.push(member);
  }
  return count;
};

/**
 * Latin1 text of JSON that callers sent, parsed; or why it can't be. A name that stands twice in an object is refused:
 * the text is sent on as it is, and of two values the one that was looked at here need not be the one that a node takes.
 */
export const readJsonBody = (text: string): { body: unknown } | "malformed" | "ambiguous" => {
  let body: unknown;
  try {
    body = JSON.parse(Buffer.from(text, "latin1").toString("utf8"));
  } catch {
    return "malformed";
  }
  const isPlain = typeof body !== "object" || body === null;
  return isPlain || countKept(body) === countNamed(text) ? { body } : "ambiguous";
};
