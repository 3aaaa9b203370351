import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const said = new Set<string>();

/** How to get what a suite may need. */
const hints: Record<string, string> = {
  "redis-server": "apt-get install redis-server (any Redis or Valkey from 6.2)",
  chromium: "apt-get install chromium",
  go: "https://go.dev/dl",
  nginx: "apt-get install nginx",
};

/**
 * The path of a program that a suite needs, or undefined after saying so in one line. A test run that must not skip it
 * lists it (its own name, or `feature`) in PORTOLAN_REQUIRE, comma-separated, and fails here.
 */
export function requireProgram(name: string, feature: string = name): string | undefined {
  const found = findProgram(name);
  if (found !== undefined) return found;
  const hint = hints[name] ?? "put it on the PATH, or its directory into PORTOLAN_PROGRAMS";
  const sentence = `${name} was not found: ${hint}`;
  const required = (process.env["PORTOLAN_REQUIRE"] ?? "").split(",").map((word) => word.trim());
  if (required.includes(name) || required.includes(feature) || required.includes("all")) throw new Error(sentence);
  if (!said.has(name)) console.warn(`SKIPPED: ${sentence}`);
  said.add(name);
  return undefined;
}

function findProgram(name: string): string | undefined {
  const places = [process.env["PORTOLAN_PROGRAMS"] ?? "", ...(process.env["PATH"] ?? "").split(delimiter)];
  for (const place of places.filter((place) => place !== "")) {
    const path = join(place, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next place.
    }
  }
  return undefined;
}
