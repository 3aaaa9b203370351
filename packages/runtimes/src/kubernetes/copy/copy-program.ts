/** Where a volume lies in the copy pod: `<root>/<volume>`. */
export const copyRoot = "/volumes";

/** What is laid ready inside a volume, beside its data; a program never runs while it is there. */
export const stagedDirectory = ".portolan-staged";

/**
 * The program in the copy pod, for Node. Frames on its output and input: eight hex digits, that many bytes of JSON, and
 * for a file its `size` bytes. `list`: an entry for each directory and file. `read`: the same with the content and then
 * a frame with its hash. `stage`: takes entries, writes them below the staging directory, and with the last frame
 * (`end`) marks them whole. `staged`: what is marked. `swap`: the staged ones become the data. `clear`.
 */
export const copyProgram = `
const fs = require("node:fs");
const path = require("node:path");
const { createHash } = require("node:crypto");
const [command, ...volumes] = process.argv.slice(1);
const root = ${JSON.stringify(copyRoot)};
const hidden = ${JSON.stringify(stagedDirectory)};
const skipped = new Set([hidden, "lost+found"]);
const out = (buffer) => { for (let done = 0; done < buffer.length; ) { try { done += fs.writeSync(1, buffer, done); } catch (error) { if (error.code !== "EAGAIN") throw error; } } };
const frame = (value) => { const text = Buffer.from(JSON.stringify(value)); out(Buffer.from(text.length.toString(16).padStart(8, "0"))); out(text); };
const walk = (volume, visit) => {
  const go = (inside) => {
    const names = fs.readdirSync(path.join(root, volume, inside)).sort();
    for (const name of names) {
      if (inside === "" && skipped.has(name)) continue;
      const below = inside === "" ? name : inside + "/" + name;
      const stat = fs.lstatSync(path.join(root, volume, below));
      if (!stat.isDirectory() && !stat.isFile()) continue;
      visit(below, stat);
      if (stat.isDirectory()) go(below);
    }
  };
  go("");
};
const entryOf = (volume, below, stat) => ({ volume, path: below, mode: stat.mode & 0o777, isDirectory: stat.isDirectory(), size: stat.isDirectory() ? 0 : stat.size });
const chunk = Buffer.alloc(256 * 1024);
const readFile = (file, size) => {
  const hash = createHash("sha256");
  const handle = fs.openSync(file, "r");
  let left = size;
  while (left > 0) {
    const count = fs.readSync(handle, chunk, 0, Math.min(chunk.length, left), null);
    if (count === 0) throw new Error("a file became shorter while it was read: " + file);
    hash.update(chunk.subarray(0, count));
    out(chunk.subarray(0, count));
    left -= count;
  }
  fs.closeSync(handle);
  frame({ sha256: hash.digest("hex") });
};
const take = (size) => {
  const buffer = Buffer.alloc(size);
  for (let done = 0; done < size; ) {
    let count = 0;
    try { count = fs.readSync(0, buffer, done, size - done, null); } catch (error) { if (error.code === "EAGAIN") { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2); continue; } if (error.code !== "EOF") throw error; }
    if (count === 0) throw new Error("the input ended too early");
    done += count;
  }
  return buffer;
};
const takeFrame = () => JSON.parse(take(parseInt(take(8).toString("latin1"), 16)).toString("utf8"));
const stagedOf = (volume) => path.join(root, volume, hidden);
const sync = (file) => { const handle = fs.openSync(file, "r"); try { fs.fsyncSync(handle); } finally { fs.closeSync(handle); } };
const stage = () => {
  for (const volume of volumes) {
    fs.rmSync(stagedOf(volume), { recursive: true, force: true });
    fs.mkdirSync(path.join(stagedOf(volume), "data"), { recursive: true, mode: 0o700 });
  }
  const directories = [];
  for (;;) {
    const entry = takeFrame();
    if (entry.end !== undefined) {
      for (const { file, mode } of directories.reverse()) { fs.chmodSync(file, mode); }
      for (const volume of volumes) {
        fs.writeFileSync(path.join(stagedOf(volume), "whole"), entry.end);
        sync(path.join(stagedOf(volume), "whole"));
      }
      return frame({ staged: entry.end });
    }
    if (!volumes.includes(entry.volume)) throw new Error("an entry of another volume");
    const file = path.join(stagedOf(entry.volume), "data", entry.path);
    if (!file.startsWith(path.join(stagedOf(entry.volume), "data") + "/")) throw new Error("an entry outside of its volume");
    if (entry.isDirectory) { fs.mkdirSync(file, { recursive: true, mode: 0o700 }); directories.push({ file, mode: entry.mode }); continue; }
    const hash = createHash("sha256");
    const handle = fs.openSync(file, "wx", 0o600);
    for (let left = entry.size; left > 0; ) {
      const piece = take(Math.min(left, chunk.length));
      hash.update(piece);
      fs.writeSync(handle, piece);
      left -= piece.length;
    }
    fs.fchmodSync(handle, entry.mode);
    fs.fsyncSync(handle);
    fs.closeSync(handle);
    if (hash.digest("hex") !== entry.sha256) throw new Error("damaged: " + entry.path);
  }
};
const swap = (volume) => {
  const staged = stagedOf(volume);
  if (!fs.existsSync(path.join(staged, "whole"))) return;
  const old = path.join(staged, "old");
  const moved = path.join(staged, "moved");
  if (!fs.existsSync(moved)) {
    fs.mkdirSync(old, { recursive: true });
    for (const name of fs.readdirSync(path.join(root, volume))) {
      if (skipped.has(name)) continue;
      fs.rmSync(path.join(old, name), { recursive: true, force: true });
      fs.renameSync(path.join(root, volume, name), path.join(old, name));
    }
    fs.writeFileSync(moved, "");
    sync(moved);
  }
  for (const name of fs.readdirSync(path.join(staged, "data"))) fs.renameSync(path.join(staged, "data", name), path.join(root, volume, name));
  sync(path.join(root, volume));
  fs.rmSync(path.join(staged, "whole"), { force: true });
  fs.rmSync(staged, { recursive: true, force: true });
};
if (command === "list") for (const volume of volumes) walk(volume, (below, stat) => frame(entryOf(volume, below, stat)));
else if (command === "read") for (const volume of volumes) walk(volume, (below, stat) => { frame(entryOf(volume, below, stat)); if (stat.isFile()) readFile(path.join(root, volume, below), stat.size); });
else if (command === "stage") stage();
else if (command === "staged") for (const volume of volumes) { let mark = ""; try { mark = fs.readFileSync(path.join(stagedOf(volume), "whole"), "utf8"); } catch {} frame({ volume, mark }); }
else if (command === "swap") for (const volume of volumes) swap(volume);
else if (command === "clear") for (const volume of volumes) { fs.rmSync(path.join(stagedOf(volume), "whole"), { force: true }); fs.rmSync(stagedOf(volume), { recursive: true, force: true }); }
else throw new Error("unknown command");
frame({ done: command });
`;
