import { DomainError } from "@portolan/domain";

export const policyRoles = ["member", "admin", "client", "peer", "orderer"] as const;
export type PolicyRole = (typeof policyRoles)[number];

/** `at` counts characters from 1. */
export type PolicyNode =
  | { kind: "principal"; mspId: string; role: PolicyRole; at: number }
  | { kind: "outOf"; count: number; rules: PolicyNode[]; at: number };

export type PolicyText =
  | { kind: "implicit"; rule: "ANY" | "ALL" | "MAJORITY"; policy: string }
  | { kind: "reference"; path: string }
  | { kind: "signature"; rule: PolicyNode };

/** Deep nesting has no use, and every evaluation of the policy would pay for it. */
const maxDepth = 8;
const maxPrincipals = 100;

const languageHint =
  "Write `MAJORITY Endorsement` (or ANY, ALL), or roles of organisations in AND, OR and OutOf, e.g. " +
  "`OutOf(2, 'Org1MSP.peer', 'Org2MSP.peer', 'Org3MSP.peer')`.";

/** A refusal that says where in the text it is. */
export const policyError = (at: number, problem: string, hint: string = languageHint): DomainError =>
  new DomainError({
    code: "chain.settings_invalid",
    message: `The policy is not right at character ${at}: ${problem}.`,
    hint,
    meta: { position: String(at) },
  });

const implicitPattern = /^\s*(ANY|ALL|MAJORITY)\s+(\S+)\s*$/;
const referencePattern = /^\s*(\/[A-Za-z0-9/._-]+)\s*$/;
const principalPattern = /^([A-Za-z0-9.-]+)\.([a-z]+)$/;

const isRole = (text: string): text is PolicyRole => policyRoles.some((role) => role === text);

type Token = { kind: "word" | "number" | "quoted" | "mark" | "end"; text: string; at: number };

const tokenPattern = /\s*(?:([A-Za-z][A-Za-z0-9_]*)|(\d{1,9}(?!\d))|'([^']*)'|"([^"]*)"|([(),]))/y;

const toTokens = (text: string): Token[] => {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < end) {
    const from = tokenPattern.lastIndex;
    const at = from + (text.slice(from).length - text.slice(from).trimStart().length) + 1;
    const match = tokenPattern.exec(text);
    if (match === null) throw policyError(at, `${JSON.stringify(text.charAt(at - 1))} does not belong here`);
    const [, word, number, single, double, mark] = match;
    if (word !== undefined) tokens.push({ kind: "word", text: word, at });
    else if (number !== undefined) tokens.push({ kind: "number", text: number, at });
    else if (mark !== undefined) tokens.push({ kind: "mark", text: mark, at });
    else tokens.push({ kind: "quoted", text: single ?? double ?? "", at });
  }
  tokens.push({ kind: "end", text: "", at: end + 1 });
  return tokens;
};

const shown = (token: Token): string => (token.kind === "end" ? "the end of the text" : JSON.stringify(token.text));

const createReader = (tokens: readonly Token[]) => {
  let index = 0;
  const peek = (): Token => tokens[Math.min(index, tokens.length - 1)] ?? { kind: "end", text: "", at: 1 };
  const take = (): Token => {
    const token = peek();
    index++;
    return token;
  };
  const expectMark = (marks: readonly string[]): string => {
    const token = take();
    if (token.kind === "mark" && marks.includes(token.text)) return token.text;
    throw policyError(token.at, `${marks.map((mark) => `"${mark}"`).join(" or ")} is expected, not ${shown(token)}`);
  };
  return { peek, take, expectMark };
};

type Reader = ReturnType<typeof createReader>;

const readPrincipal = (token: Token): PolicyNode => {
  const [, mspId, role] = principalPattern.exec(token.text) ?? [];
  if (mspId === undefined || role === undefined)
    throw policyError(token.at, `"${token.text}" is not an MSP id and a role, like 'Org1MSP.peer'`);
  if (!isRole(role)) throw policyError(token.at, `there is no role "${role}"`, `Roles are ${policyRoles.join(", ")}.`);
  return { kind: "principal", mspId, role, at: token.at };
};

const readCount = (reader: Reader): number => {
  const token = reader.take();
  if (token.kind !== "number") throw policyError(token.at, `OutOf starts with a number, not ${shown(token)}`);
  reader.expectMark([","]);
  return Number(token.text);
};

const readRule = (reader: Reader, depth: number, seen: { principals: number }): PolicyNode => {
  const token = reader.take();
  if (token.kind === "quoted") {
    seen.principals++;
    if (seen.principals > maxPrincipals) throw policyError(token.at, `more than ${maxPrincipals} roles`);
    return readPrincipal(token);
  }
  const gate = token.kind === "word" ? token.text.toLowerCase() : "";
  if (gate !== "and" && gate !== "or" && gate !== "outof")
    throw policyError(token.at, `AND, OR, OutOf or a quoted role is expected, not ${shown(token)}`);
  if (depth >= maxDepth) throw policyError(token.at, `nested deeper than ${maxDepth}`);
  reader.expectMark(["("]);
  const given = gate === "outof" ? readCount(reader) : undefined;
  const rules: PolicyNode[] = [];
  do rules.push(readRule(reader, depth + 1, seen));
  while (reader.expectMark([",", ")"]) === ",");
  const count = given ?? (gate === "and" ? rules.length : 1);
  if (count < 1) throw policyError(token.at, "it asks for no signature at all");
  if (count > rules.length)
    throw policyError(token.at, `it asks for ${count} of ${rules.length}, which nobody can meet`);
  return { kind: "outOf", count, rules, at: token.at };
};

/**
 * Reads Fabric's policy language: implicit (`MAJORITY Endorsement`), a reference (`/Channel/Application/Endorsement`)
 * or signatures (`AND('Org1MSP.peer', OR(…))`). Throws `chain.settings_invalid` with the place of the error.
 */
export const readPolicyText = (text: string): PolicyText => {
  const [, rule, policy] = implicitPattern.exec(text) ?? [];
  if (policy !== undefined && (rule === "ANY" || rule === "ALL" || rule === "MAJORITY"))
    return { kind: "implicit", rule, policy };
  const [, path] = referencePattern.exec(text) ?? [];
  if (path !== undefined) return { kind: "reference", path };
  const reader = createReader(toTokens(text));
  const first = reader.peek();
  if (first.kind === "quoted")
    throw policyError(first.at, "a role alone is not a policy", "Write `OR('Org1MSP.peer')`.");
  const read = readRule(reader, 0, { principals: 0 });
  const rest = reader.take();
  if (rest.kind !== "end") throw policyError(rest.at, `${shown(rest)} is too much`);
  return { kind: "signature", rule: read };
};
