import { chmodSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const sources = ["octez-stand-in", "scripted-tezos"];
/** What those import, by a file at the top of each package; they are JavaScript, and need nothing further. */
const packages = { "@noble/hashes": "@noble/hashes/sha2.js", "@scure/base": "@scure/base" };

/**
 * Lays what stands in for Octez into a directory of programs (PORTOLAN_PROGRAMS), where it is found as `octez-node` and
 * `octez-baker` of the version. It runs no protocol, see `node-main.ts`.
 */
export const placeOctezStandIn = (programs: string, version: string): void => {
  const directory = join(programs, `octez-${version}`);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  for (const name of sources)
    cpSync(fileURLToPath(new URL(`../${name}`, import.meta.url)), join(directory, name), {
      recursive: true,
      filter: (path) => !path.endsWith(".test.ts"),
    });
  for (const [name, file] of Object.entries(packages)) {
    const own = dirname(fileURLToPath(import.meta.resolve(file)));
    cpSync(own, join(directory, "node_modules", name), { recursive: true });
  }
  const toEntry = (url: URL): string => join("octez-stand-in", basename(fileURLToPath(url)));
  const bin = {
    "octez-node": toEntry(new URL("./node-main.ts", import.meta.url)),
    "octez-baker": toEntry(new URL("./baker-main.ts", import.meta.url)),
  };
  writeFileSync(join(directory, "package.json"), JSON.stringify({ name: "octez", type: "module", bin }));
  // Whoever runs nodes is another user than the one who tests.
  for (const path of [programs, directory]) chmodSync(path, 0o755);
};
