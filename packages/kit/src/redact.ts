import { redactCredentials } from "@portolan/domain";

const mark = "[redacted]";

const secretWords =
  "authorization|proxy-authorization|cookie|set-cookie|x-api-key|api[_-]?key|[\\w-]*passw(?:or)?d|passphrase|[\\w-]*secret|[\\w-]*token|[\\w-]*mnemonic|[\\w-]*private[_-]?key|signing[_-]?key|kek|seed[_-]?phrase|credentials?";

const secretName = new RegExp(`^(?:${secretWords})$`, "i");
/** Environment names are words joined by underscores, and whole URLs often carry a password. */
const secretVariable = /SECRET|PASSW|TOKEN|KEY|KEK|MNEMONIC|CREDENTIAL|AUTH|SEED|DSN|_URL$/i;

/** True for an environment variable whose value must never be printed. */
export const isSecretName = (name: string): boolean => secretVariable.test(name) || secretName.test(name);

/** True for a field of a log record whose whole value is dropped. */
export const isSecretField = (name: string): boolean => secretName.test(name);

const rules: readonly (readonly [RegExp, string])[] = [
  [
    /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----[\s\S]*?(?:-----END \1-----|$)/g,
    "-----BEGIN $1----- [redacted] -----END $1-----",
  ],
  // "password":"…" inside JSON, also inside JSON that was quoted again (\"password\":\"…\").
  [new RegExp(`(\\\\?["'](?:${secretWords})\\\\?["']\\s*:\\s*)"(?:[^"\\\\]|\\\\.)*"`, "gi"), `$1"${mark}"`],
  [new RegExp(`(\\\\"(?:${secretWords})\\\\"\\s*:\\s*)\\\\".*?\\\\"`, "gi"), `$1\\"${mark}\\"`],
  // Header lines and key=value or key: value in text.
  [/\b((?:proxy-)?authorization["']?\s*[:=]\s*["']?)(?:(?:bearer|basic|digest|token)\s+)?[^\s"'\\,;]+/gi, `$1${mark}`],
  [/\b(bearer|basic)(\s+)(?=[\w.~+/=-]{8,})(?!\[redacted)[\w.~+/=-]+/gi, `$1$2${mark}`],
  [new RegExp(`(\\b(?:${secretWords})\\s*[:=]\\s*)(?!\\[redacted)[^\\s"'\\\\,;&)}\\]]+`, "gi"), `$1${mark}`],
  [/\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/g, mark],
  // scheme://user:password@host
  [/([a-z][a-z0-9+.-]*:\/\/[^\s:/@"'\\]*):[^\s/@"'\\]+@/gi, `$1:${mark}@`],
  // A BIP-39 phrase: 12 to 24 lower-case words of 3 to 8 letters. Ordinary prose has shorter words among twelve.
  [/\b(?:[a-z]{3,8} ){11,23}[a-z]{3,8}\b/g, `${mark} phrase`],
];

/**
 * The text without what must not leave the process: Portolan's own credentials (all but their public prefix),
 * Authorization headers, JSON web tokens, passwords in URLs and fields, mnemonics, private keys in PEM. Idempotent.
 */
export const redact = (text: string): string =>
  rules.reduce((current, [pattern, replacement]) => current.replace(pattern, replacement), redactCredentials(text));

const maxDepth = 6;

/** A copy of a log record in which secret fields and raw bytes are gone; other values stay as they are. */
export const redactFields = (value: unknown, depth = 0): unknown => {
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (value === null || typeof value !== "object") return value;
  if (depth > maxDepth) return "[deep]";
  if (Array.isArray(value)) return value.map((member) => redactFields(member, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      isSecretField(name) && typeof member !== "boolean" ? mark : redactFields(member, depth + 1),
    ]),
  );
};
