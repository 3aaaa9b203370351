import { writeFileSync } from "node:fs";
import { join } from "node:path";

interface Schema {
  [key: string]: unknown;
  properties?: unknown;
  additionalProperties?: unknown;
  "x-kubernetes-group-version-kind"?: readonly { group: string; version: string; kind: string }[];
  "x-kubernetes-preserve-unknown-fields"?: boolean;
}

export interface OpenApiDocument {
  components?: { schemas?: { readonly [name: string]: Schema } };
}

/** No member that the API server does not know: it would take the object, and leave the member out. */
const closed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.fromEntries(Object.entries(value).map(([key, member]) => [key, closed(member)])) as Schema;
  const isObject = typeof members.properties === "object" && members["type"] === "object";
  const isOpen = members.additionalProperties !== undefined || members["x-kubernetes-preserve-unknown-fields"] === true;
  return isObject && !isOpen ? { ...members, additionalProperties: false } : members;
};

/** Names as kubeconform asks for them: `statefulset-apps-v1.json`. */
const toFileName = ({ group, version, kind }: { group: string; version: string; kind: string }): string =>
  `${[kind.toLowerCase(), ...(group === "" ? [] : [group.split(".")[0]]), version].join("-")}.json`;

/**
 * Writes a JSON schema for each kind of an API server's own OpenAPI (v3) documents into `directory`. Returns how many.
 * For kubeconform: `-schema-location '<directory>/{{.ResourceKind}}{{.KindSuffix}}.json'`.
 */
export const writeSchemas = (documents: readonly OpenApiDocument[], directory: string): number => {
  let count = 0;
  for (const document of documents) {
    const schemas = closed(document.components?.schemas ?? {}) as { [name: string]: Schema };
    for (const [name, schema] of Object.entries(schemas)) {
      const kinds = schema["x-kubernetes-group-version-kind"] ?? [];
      const [kind] = kinds;
      if (kind === undefined || kinds.length !== 1) continue;
      const whole = { $ref: `#/components/schemas/${name}`, components: { schemas } };
      writeFileSync(join(directory, toFileName(kind)), JSON.stringify(whole));
      count++;
    }
  }
  return count;
};
