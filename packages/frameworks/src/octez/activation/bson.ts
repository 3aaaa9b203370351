import type { JsonObject, JsonValue } from "@portolan/domain";

const tags = { double: 0x01, string: 0x02, document: 0x03, array: 0x04, boolean: 0x08, null: 0x0a } as const;

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};

const double = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
};

const zero = Buffer.alloc(1);

/** A name that holds a NUL would end early and shift all that follows. */
const cstring = (text: string): Buffer => {
  if (text.includes("\0")) throw new Error("a name in the document holds a NUL");
  return Buffer.concat([Buffer.from(text, "utf8"), zero]);
};

const string = (text: string): Buffer => {
  const bytes = Buffer.from(text, "utf8");
  return Buffer.concat([int32(bytes.length + 1), bytes, zero]);
};

const toElement = (value: JsonValue): [tag: number, bytes: Buffer] => {
  if (value === null) return [tags.null, Buffer.alloc(0)];
  if (typeof value === "boolean") return [tags.boolean, Buffer.from([value ? 1 : 0])];
  // Octez knows doubles only: an integer is written as one.
  if (typeof value === "number") return [tags.double, double(value)];
  if (typeof value === "string") return [tags.string, string(value)];
  if (Array.isArray(value)) return [tags.array, document(value.map((item, index) => [String(index), item] as const))];
  return [tags.document, document(Object.entries(value))];
};

const document = (fields: readonly (readonly [string, JsonValue])[]): Buffer => {
  const elements = fields.map(([name, value]) => {
    const [tag, bytes] = toElement(value);
    return Buffer.concat([Buffer.from([tag]), cstring(name), bytes]);
  });
  const body = Buffer.concat(elements);
  return Buffer.concat([int32(4 + body.length + 1), body, zero]);
};

/**
 * A JSON object as Octez writes JSON in binary: BSON of doubles, strings, booleans, nulls, documents and arrays, in the
 * order of the members (`data-encoding`, `json_repr_bson.ml`; https://bsonspec.org).
 */
export const toBson = (value: JsonObject): Uint8Array => new Uint8Array(document(Object.entries(value)));
