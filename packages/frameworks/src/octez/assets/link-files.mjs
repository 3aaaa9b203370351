// Runs before a Tezos node starts: Octez looks for a node's identity and a client's keys inside directories that it also
// writes to. They stay among the node's files, where the plane replaces them and no copy of the data has them; here they
// are only linked to.
//
//   node link-files.mjs <link> <file> [<link> <file> …]

import { mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { dirname } from "node:path";

const words = process.argv.slice(2);
if (words.length === 0 || words.length % 2 !== 0) {
  console.error("usage: link-files.mjs <link> <file> [<link> <file> …]");
  process.exit(2);
}
for (let at = 0; at < words.length; at += 2) {
  const [link, file] = [words[at], words[at + 1]];
  mkdirSync(dirname(link), { recursive: true, mode: 0o700 });
  // One rename: a link that is there is never gone for a moment, and one to a former place is replaced.
  const made = `${link}.new`;
  rmSync(made, { force: true });
  symlinkSync(file, made);
  renameSync(made, link);
}
