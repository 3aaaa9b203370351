import {
  countryCodeSchema,
  displayNameSchema,
  emailSchema,
  type IdKind,
  idPattern,
  idPrefixes,
  verdicts,
} from "@portolan/domain";
import { z } from "zod";

/** An id of a kind: prefix, `_`, 26 characters of lower-case base32. */
export const id = (kind: IdKind) =>
  z.string().regex(idPattern(idPrefixes[kind]), `must be an id that starts with ${idPrefixes[kind]}_`);

const earliestMs = Date.UTC(1970, 0);
const latestMs = Date.UTC(2200, 0);

/** RFC 3339 with a zone, as requests may give it. Bounded: an offset can make a year that no answer can tell in UTC. */
export const timeInput = z.iso
  .datetime({ offset: true })
  .max(40)
  .refine((text) => {
    const at = Date.parse(text);
    return Number.isNaN(at) || (at >= earliestMs && at < latestMs);
  }, "must lie in the years from 1970 to 2199");

/** RFC 3339 in UTC, as answers give it. */
export const time = z.iso.datetime();

export const name = displayNameSchema;

export const slug = z
  .string()
  .max(64)
  .regex(/^[a-z][a-z0-9-]*$/, "must be lower-case letters, digits and hyphens");

export const country = countryCodeSchema;

export const email = emailSchema;

export const money = z
  .object({
    currency: z.string().regex(/^[A-Z]{3}$/),
    micros: z
      .string()
      .regex(/^-?\d+$/)
      .describe("Decimal string of 10⁻⁶ units."),
  })
  .meta({ id: "Money" });

/** Decimal string of an integer number of base units. */
export const quantity = z.string().regex(/^-?\d+$/);

export const rate = z.object({ micros: quantity, per: quantity }).meta({ id: "Rate" });

/** Only when the price has tiers: how much went at which rate. */
export const pricedTiers = z.array(z.object({ quantity, unitPrice: rate })).optional();

/** Why policy or a quota says what it says. */
export const reason = z
  .object({ rule: z.string(), verdict: z.enum(verdicts), message: z.string(), hint: z.string().optional() })
  .meta({ id: "Reason" });

export const pageQuery = {
  pageSize: z.coerce.number().int().min(1).max(200).default(50),
  pageToken: z
    .string()
    .max(200)
    .regex(/^[A-Za-z0-9_-]+$/)
    .optional()
    .describe("Opaque; from the previous page's `nextPageToken`."),
};

/** A list's answer. `nextPageToken` is null on the last page. */
export const page = <Item extends z.ZodType>(item: Item, name: string) =>
  z.object({ items: z.array(item), nextPageToken: z.string().nullable() }).meta({ id: name });

export const jsonObject = z.record(z.string().max(200), z.unknown());

export const noContent = z.undefined();
export const emptyBody = z.strictObject({});
