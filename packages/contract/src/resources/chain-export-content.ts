import { hostings } from "@portolan/domain";
import { z } from "zod";
import { id, jsonObject, name, slug, timeInput } from "../schemas.ts";

const word = z
  .string()
  .max(200)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@/-]*$/);
const natural = z.int().min(0).max(1_000_000_000);
const base64 = z.base64().max(8 * 1024 * 1024);

/**
 * What is sealed in an export. Whoever knows a pass phrase can write one: on the way in it is somebody's word, no more
 * than any other request.
 */
export const chainExportContent = z.strictObject({
  name,
  hosting: z.enum(hostings),
  settings: jsonObject,
  serial: z.string().regex(/^[0-9]{1,15}$/),
  /** Deleted ones too: their names are used up. */
  parts: z
    .array(
      z.strictObject({
        id: word,
        kind: word,
        name: word,
        settings: jsonObject,
        generation: natural.min(1),
        observedGeneration: natural,
        createdAt: timeInput,
        deletedAt: timeInput.optional(),
      }),
    )
    .max(10_000),
  placements: z
    .array(
      z.strictObject({
        id: id("placement"),
        region: slug,
        addresses: z
          .array(
            z.strictObject({
              node: word,
              port: word,
              host: z.string().min(1).max(255),
              number: z.int().min(1).max(65_535),
            }),
          )
          .max(5_000),
      }),
    )
    .min(1)
    .max(10),
  material: z
    .array(
      z.strictObject({
        name: word,
        version: natural.min(1),
        kind: z.enum(["key", "certificate", "genesis", "document", "customerKey"]),
        owner: z.enum(["plane", "customer"]),
        public: z.unknown().refine((value) => value !== null && value !== undefined),
        secret: base64.optional(),
        expiresAt: timeInput.optional(),
        renewAt: timeInput.optional(),
        createdAt: timeInput,
      }),
    )
    .max(50_000),
  authorityKeys: z
    .array(
      z.strictObject({
        ref: word,
        algorithm: z.enum(["ed25519", "p256", "secp256k1"]),
        publicKey: z.string().max(4_000),
        privateKey: base64,
      }),
    )
    .max(5_000),
});

export type ChainExportContent = z.output<typeof chainExportContent>;
