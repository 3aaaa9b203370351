import fc from "fast-check";

type Schema = { readonly [keyword: string]: unknown };

const isSchema = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const numberOf = (value: unknown, otherwise: number): number => (typeof value === "number" ? value : otherwise);

/** Text that programs stumble over. */
export const nastyText = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    "\u0000",
    "\ud800",
    "\u202e",
    "null",
    "-1",
    "1e999",
    "NaN",
    "../..",
    "%00",
    "'--",
    "{{7*7}}",
    "\ufeff",
    "a".repeat(5_000),
  ),
  fc.constantFrom("2026-11-23T00:00:00Z", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "2026-02-30T00:00:00Z"),
  fc.string({ unit: "binary", maxLength: 40 }),
);

export const nastyValue: fc.Arbitrary<unknown> = fc.oneof(
  nastyText,
  fc.constantFrom(null, true, 0, -0, -1, 1.5, 2 ** 53, 1e308, [], {}, [[]], { "": "" }),
  fc.jsonValue({ maxDepth: 3 }),
);

const textOf = (schema: Schema): fc.Arbitrary<string> => {
  const { pattern, format } = schema;
  const minLength = numberOf(schema.minLength, 0);
  const maxLength = Math.min(numberOf(schema.maxLength, 60), 300);
  if (format === "date-time")
    return fc
      .date({ noInvalidDate: true, min: new Date("1990-01-01"), max: new Date("2100-01-01") })
      .map((date) => date.toISOString());
  if (format === "email") return fc.emailAddress();
  if (typeof pattern === "string") return fc.stringMatching(new RegExp(pattern));
  return fc.string({
    unit: fc
      .constantFrom("grapheme", "grapheme-ascii")
      .chain((unit) => fc.string({ unit, minLength: 1, maxLength: 1 })),
    minLength,
    maxLength,
  });
};

const integerOf = (schema: Schema): fc.Arbitrary<number> =>
  fc.integer({
    min: Math.max(numberOf(schema.minimum, -(2 ** 31)), -(2 ** 31)),
    max: Math.min(numberOf(schema.maximum, 2 ** 31 - 1), 2 ** 31 - 1),
  });

const recordOf = (schema: Schema, resolve: (schema: Schema) => fc.Arbitrary<unknown>): fc.Arbitrary<unknown> => {
  const properties = isSchema(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required.map(String) : [];
  const members = Object.fromEntries(
    Object.entries(properties).map(([name, member]) => [name, resolve(isSchema(member) ? member : {})]),
  );
  const named = fc.record(members, { requiredKeys: required.filter((name) => name in members) });
  if (isSchema(schema.additionalProperties))
    return fc.dictionary(fc.string({ maxLength: 10 }), resolve(schema.additionalProperties), { maxKeys: 3 });
  return named;
};

/** Values that mostly fit a JSON Schema, and sometimes, at any place, do not. */
export const arbitraryOfSchema = (
  schema: Schema,
  components: { readonly [name: string]: unknown },
  strangeness = 12,
): fc.Arbitrary<unknown> => {
  const resolve = (inner: Schema): fc.Arbitrary<unknown> => arbitraryOfSchema(inner, components, strangeness);
  const fitting = (): fc.Arbitrary<unknown> => {
    const reference =
      typeof schema.$ref === "string" ? components[schema.$ref.replace("#/components/schemas/", "")] : undefined;
    if (isSchema(reference)) return resolve(reference);
    if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum);
    if ("const" in schema) return fc.constant(schema.const);
    for (const keyword of ["anyOf", "oneOf"]) {
      const options = schema[keyword];
      if (Array.isArray(options) && options.length > 0) return fc.oneof(...options.filter(isSchema).map(resolve));
    }
    const first = Array.isArray(schema.allOf) ? schema.allOf.find(isSchema) : undefined;
    if (schema.type === undefined && first !== undefined) return resolve(first);
    switch (schema.type) {
      case "string":
        return textOf(schema);
      case "integer":
      case "number":
        return integerOf(schema);
      case "boolean":
        return fc.boolean();
      case "array": {
        const items = isSchema(schema.items) ? schema.items : {};
        return fc.array(resolve(items), {
          minLength: numberOf(schema.minItems, 0),
          maxLength: Math.min(numberOf(schema.maxItems, 4), 4),
        });
      }
      case "object":
        return recordOf(schema, resolve);
      default:
        return fc.jsonValue({ maxDepth: 2 });
    }
  };
  return fc.oneof({ arbitrary: fitting(), weight: strangeness }, { arbitrary: nastyValue, weight: 1 });
};
