import type { JsonObject, JsonValue } from "@portolan/domain";

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * JSON Merge Patch (RFC 7396): members that are given replace, objects member by member; null takes one away, and so
 * back to its default. The request's size bounds the depth.
 */
export const mergeSettings = (former: JsonObject, change: { readonly [name: string]: unknown }): JsonObject => {
  const merged = new Map<string, JsonValue>(Object.entries(former));
  for (const [name, value] of Object.entries(change)) {
    if (value === null) merged.delete(name);
    else if (isObject(value)) {
      const inner = merged.get(name);
      merged.set(name, mergeSettings(isObject(inner) ? inner : {}, value));
    } else merged.set(name, value as JsonValue);
  }
  return Object.fromEntries(merged);
};
