import { invalidField } from "./invalid-request.ts";

const maxDepth = 32;

const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes("\u0000");

/**
 * Throws `request.invalid` when any text in the value, names of members included, has a NUL character or half of a
 * surrogate pair: Postgres stores neither, and nothing that is meant has one. Bounds the depth too.
 */
export const demandStorableText = (value: unknown): void => {
  const stack: { value: unknown; path: string; depth: number }[] = [{ value, path: "", depth: 0 }];
  for (let item = stack.pop(); item !== undefined; item = stack.pop()) {
    const { path, depth } = item;
    if (typeof item.value === "string" && !isStorable(item.value)) {
      throw invalidField(path, "malformed_text", "holds a NUL character or half of a surrogate pair");
    }
    if (typeof item.value !== "object" || item.value === null) continue;
    if (depth >= maxDepth)
      throw invalidField(path.slice(0, 200), "too_deep", `is nested deeper than ${maxDepth} levels`);
    for (const [name, member] of Object.entries(item.value)) {
      if (!isStorable(name)) throw invalidField(path, "malformed_text", "has a member whose name can't be stored");
      stack.push({ value: member, path: path === "" ? name : `${path}.${name}`, depth: depth + 1 });
    }
  }
};
