import { z } from "zod";
import { id, slug, timeInput } from "../schemas.ts";

const version = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[0-9A-Za-z.+-]+$/);
const natural = z.int().min(0);

/** The most that what is sealed may be, as text: a network of many organisations has some hundred kilobytes. */
const mostSealed = 8 * 1024 * 1024;

/** A request that carries a document. */
export const exportBodyBytes = mostSealed + 256 * 1024;

export const exportFormat = "portolan.chain-export/1";

/** A pass phrase is all that keeps the keys: longer than a password, and of no form. */
export const passphrase = z.string().min(12).max(1_000);

/** What an export tells everybody. Bound to what is sealed: a changed member makes it unreadable. */
const clear = {
  format: z.literal(exportFormat),
  chainId: id("chain"),
  framework: slug,
  version,
  plan: slug,
  regions: z.array(slug).min(1).max(10),
  exportedAt: timeInput,
  backup: z.strictObject({
    id: id("backup").describe("The directory of the store to bring along is this with `-` for `_`."),
    takenAt: timeInput,
    version: version.describe("Of the framework, when it was taken."),
    copies: z
      .array(
        z.strictObject({
          placementId: id("placement"),
          region: slug,
          sizeBytes: natural,
          files: natural,
          digest: z
            .string()
            .regex(/^[0-9a-f]{64}$/)
            .describe("SHA-256 of the copy's manifest, which has that of every file."),
        }),
      )
      .min(1)
      .max(10),
  }),
};

const shape = {
  ...clear,
  kdf: z.strictObject({
    name: z.literal("scrypt"),
    logN: z.int().min(1).max(18),
    r: z.int().min(1).max(8),
    p: z.int().min(1).max(1),
    salt: z.string().regex(/^[A-Za-z0-9_-]{22}$/),
  }),
  sealed: z
    .string()
    .min(1)
    .max(mostSealed)
    .describe("base64 of nonce, tag and AES-256-GCM of settings, parts, addresses and keys, compressed."),
};

export const chainExport = z.strictObject(shape).meta({ id: "ChainExport" });

/** The same as a request carries it, with what only requests are bound to. */
export const chainExportInput = z.strictObject(shape).meta({ id: "ChainExportDocument" });

/** The part of a document that is bound to what is sealed in it. */
export const clearPartOf = ({ kdf: _kdf, sealed: _sealed, ...rest }: z.output<typeof chainExport>) => rest;
