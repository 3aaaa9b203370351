import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "@portolan/testing";
import { expect, test } from "vitest";
import { readTar, TarError } from "./tar-entries.ts";
import { toTar } from "./tar-fixture.ts";

/** In chunks that no header or file is aligned with. */
async function* inChunks(bytes: Uint8Array, size = 333): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const read = async (bytes: Uint8Array, chunk?: number) => {
  const files: Record<string, string> = {};
  const others: string[] = [];
  await readTar(inChunks(bytes, chunk), {
    begin: ({ path, isRegular }) => {
      if (!isRegular) others.push(path);
      if (!isRegular) return undefined;
      files[path] = "";
      return async (piece) => {
        files[path] += Buffer.from(piece).toString("latin1");
      };
    },
    end: async () => undefined,
  });
  return { files, others };
};

// Elsewhere tar is another program, with other names of formats.
test.runIf(process.platform === "linux").each(["gnu", "pax", "ustar"])(
  "what tar --format=%s writes",
  async (format) => {
    const root = temporaryDirectory("tar");
    const deep = join("d".repeat(60), "e".repeat(60));
    mkdirSync(join(root, deep), { recursive: true });
    const long = join(deep, "f".repeat(40));
    writeFileSync(join(root, "small"), "abc");
    writeFileSync(join(root, "block"), "x".repeat(512));
    writeFileSync(join(root, "empty"), "");
    writeFileSync(join(root, long), "far");
    symlinkSync("/etc/passwd", join(root, "link"));
    const bytes = execFileSync("tar", [
      "-C",
      root,
      `--format=${format}`,
      "-cf",
      "-",
      "small",
      "block",
      "empty",
      "link",
      long,
    ]);
    const { files, others } = await read(bytes);
    expect(files).toEqual({ small: "abc", block: "x".repeat(512), empty: "", [long]: "far" });
    expect(others).toEqual(["link"]);
  },
);

test.each([1, 511, 512, 513, 100_000])("chunks of %i bytes", async (size) => {
  const bytes = toTar([
    { path: "a", content: "1".repeat(700) },
    { path: "b", content: "2" },
  ]);
  expect((await read(bytes, size)).files).toEqual({ a: "1".repeat(700), b: "2" });
});

const whole = toTar([{ path: "a", content: "1".repeat(700) }]);
const changed = Buffer.from(whole);
changed.write("b", 0);

test.each([
  ["cut off in a file", whole.subarray(0, 700), "in the middle"],
  ["without its end", whole.subarray(0, 1536), "in the middle"],
  ["empty", Buffer.alloc(0), "in the middle"],
  ["a changed header", changed, "checksum"],
  ["no tar at all", Buffer.from("x".repeat(2048)), "checksum"],
  ["a long name without bounds", toTar([{ path: "l", type: "L", size: 1_000_000_000 }]), "too long"],
  ["a damaged pax header", toTar([{ path: "p", type: "x", content: "999 path=x\n" }]), "damaged"],
  ["a pax size that is none", toTar([{ path: "p", type: "x", content: "11 size=-1\n" }]), "damaged"],
])("%s is refused", async (_name, bytes, message) => {
  const reading = read(bytes);
  await expect(reading).rejects.toBeInstanceOf(TarError);
  await expect(reading).rejects.toThrow(message);
});

test("a long name or size is of the next entry only", async () => {
  const bytes = toTar([
    { path: "l", type: "L", content: "long\0" },
    { path: "cut", content: "1" },
    { path: "own", content: "2" },
    { path: "p", type: "x", content: "13 path=paxy\n" },
    { path: "cut", content: "3" },
    { path: "last", content: "4" },
  ]);
  expect((await read(bytes)).files).toEqual({ long: "1", own: "2", paxy: "3", last: "4" });
});
