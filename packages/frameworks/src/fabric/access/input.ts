import { X509Certificate } from "node:crypto";
import { DomainError } from "@portolan/domain";
import { z } from "zod";

const certificateHint = "Give one PEM block as it was issued: the chain's document identity-<name>.pem.";

const isCertificate = (text: string): boolean => {
  try {
    return text.startsWith("-----BEGIN CERTIFICATE-----") && new X509Certificate(text).serialNumber !== "";
  } catch {
    return false;
  }
};

const base64 = z
  .string()
  .max(2_097_152)
  .regex(/^[A-Za-z0-9+/]*={0,2}$/, "must be base64")
  .transform((text) => new Uint8Array(Buffer.from(text, "base64")));
const timeoutMs = z.number().int().min(100).max(110_000);

const call = {
  function: z.string().min(1).max(256),
  args: z.array(z.string().max(1_048_576)).max(256).default([]),
  /** Handed to the chaincode, never written to the ledger. */
  transient: z.record(z.string().max(256), z.string().max(1_048_576)).default({}),
};
const wait = z.enum(["commit", "none"]).default("commit");
const identity = z.string().min(1).max(63);
const mspId = z.string().min(1).max(63);

export const evaluateBody = z.strictObject({ ...call, identity, timeoutMs: timeoutMs.default(30_000) });
export const submitBody = z.strictObject({
  ...call,
  identity,
  /** MSP ids whose peers must endorse; without them the chaincode's policy says. */
  endorsers: z.array(mspId).max(16).default([]),
  wait,
  timeoutMs: timeoutMs.default(60_000),
});
export const prepareBody = z.strictObject({
  ...call,
  mspId,
  certificate: z
    .string()
    .max(20_000)
    .refine(isCertificate, { message: "must be a certificate, PEM", params: { hint: certificateHint } }),
});
export const endorseBody = z.strictObject({
  proposal: base64,
  signature: base64,
  endorsers: z.array(mspId).max(16).default([]),
  timeoutMs: timeoutMs.default(30_000),
});
export const sendBody = z.strictObject({
  transaction: base64,
  signature: base64,
  /** Of `statusDigest`; without it there is nothing to ask for the commit with. */
  statusSignature: base64.exactOptional(),
  wait,
  timeoutMs: timeoutMs.default(60_000),
});

/** Throws `request.invalid` with the first problem and its place. */
export const parseBody = <Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> => {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? "The body" : issue.path.join(".");
  const hint: unknown = issue?.code === "custom" ? issue.params?.["hint"] : undefined;
  throw invalidInput(
    `${place}: ${issue?.message ?? "is not what is expected"}`,
    typeof hint === "string" ? hint : undefined,
  );
};

export const invalidInput = (message: string, hint?: string): DomainError =>
  new DomainError({ code: "request.invalid", message, ...(hint === undefined ? {} : { hint }) });

/** A query's identity. */
export const identityOf = (query: { readonly [name: string]: string }): string => {
  const { identity: name } = query;
  if (name === undefined || name === "" || name.length > 63)
    throw invalidInput("identity is missing.", "Say in whose name: ?identity=<name>.");
  return name;
};

/** Whole number of a path or query. */
export const numberOf = (name: string, text: string): number => {
  if (!/^[0-9]{1,15}$/.test(text)) throw invalidInput(`${name}: must be a whole number.`);
  return Number(text);
};
