import type { JsonObject } from "@portolan/domain";
import type { PartKind } from "@portolan/frameworks";
import { InvalidRequest } from "../../http/invalid-request.ts";

/** As the kind's schema takes them. Throws `part.settings_invalid`. */
export const parsePartSettings = (kind: PartKind, settings: unknown): JsonObject => {
  const result = kind.settings.safeParse(settings);
  if (result.success) return result.data as JsonObject;
  const errors = result.error.issues.slice(0, 20).map(({ path, code, message }) => ({
    path: ["settings", ...path.map(String)].join(".").slice(0, 300),
    code,
    message,
  }));
  throw new InvalidRequest({
    code: "part.settings_invalid",
    message: `The settings are not those of a ${kind.title}: ${errors[0]?.path}: ${errors[0]?.message}`,
    hint: "GET /openapi.json has the schema of its settings.",
    errors,
  });
};
