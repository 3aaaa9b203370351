import { expect, test } from "vitest";
import { findPublishedDigest } from "./published-digest.ts";

const archive = {
  url: "https://vendor.example/a.tar.gz",
  file: "a.tar.gz",
  release: "https://api.vendor.example/releases/tags/v1",
  directory: "bin",
};
const hex = "ab".repeat(32);
const answering = (body: unknown) => async () => new Response(typeof body === "string" ? body : JSON.stringify(body));

test("the digest of the archive among the release's assets", async () => {
  const assets = [
    { name: "other.tar.gz", digest: `sha256:${"0".repeat(64)}` },
    { name: "a.tar.gz", digest: `sha256:${hex}`, size: 1 },
  ];
  expect(await findPublishedDigest(answering({ tag_name: "v1", assets }), archive)).toBe(hex);
});

test("one that the catalogue knows needs no question", async () => {
  const fetch = () => Promise.reject(new Error("asked"));
  expect(await findPublishedDigest(fetch, { ...archive, sha256: hex })).toBe(hex);
});

test.each([
  ["an asset without a digest", { assets: [{ name: "a.tar.gz", digest: null }] }],
  ["no such asset", { assets: [] }],
  ["another algorithm", { assets: [{ name: "a.tar.gz", digest: "md5:00" }] }],
  ["something else", "<html>"],
])("%s: the operator must say it", async (_name, body) => {
  await expect(findPublishedDigest(answering(body), archive)).rejects.toMatchObject({
    message: expect.stringContaining("does not say the SHA-256 of a.tar.gz"),
    hint: expect.stringContaining("--sha256"),
  });
});
