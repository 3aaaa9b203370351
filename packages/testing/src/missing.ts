const said = new Set<string>();

/** Says once what is missing, or throws where PORTOLAN_REQUIRE lists one of the names, or `all`. */
export const missing = (names: readonly string[], sentence: string): undefined => {
  const required = (process.env["PORTOLAN_REQUIRE"] ?? "").split(",").map((word) => word.trim());
  if (required.includes("all") || names.some((name) => required.includes(name))) throw new Error(sentence);
  if (!said.has(sentence)) console.warn(`SKIPPED: ${sentence}`);
  said.add(sentence);
  return undefined;
};
