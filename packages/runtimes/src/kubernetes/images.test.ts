import { expect, test } from "vitest";
import { hasDigest, toImage } from "./images.ts";

const digest = `sha256:${"a".repeat(64)}`;
const mirror = "mirror.example:5000/hub/";

test.each([
  ["docker.io/library/node:24", "mirror.example:5000/hub/library/node:24"],
  ["node:24", "mirror.example:5000/hub/library/node:24"],
  ["hyperledger/fabric-peer:3.1.5", "mirror.example:5000/hub/hyperledger/fabric-peer:3.1.5"],
  ["ghcr.io/foundry-rs/foundry:v1.7.1", "mirror.example:5000/hub/foundry-rs/foundry:v1.7.1"],
  ["localhost/own:1", "mirror.example:5000/hub/own:1"],
  [`registry:5000/own@${digest}`, `mirror.example:5000/hub/own@${digest}`],
])("a mirror stands in for the registry of %s", (image, pulled) => {
  expect(toImage(image, { images: [], mirror })).toBe(pulled);
});

test("what the operator names is pulled as named, whatever the mirror", () => {
  const images = [{ match: "docker.io/library/node:24", use: `own.example/node@${digest}` }];
  expect(toImage("docker.io/library/node:24", { images, mirror })).toBe(`own.example/node@${digest}`);
  expect(toImage("docker.io/library/node:24-slim", { images })).toBe("docker.io/library/node:24-slim");
});

test("only a whole digest makes an image one thing for ever", () => {
  expect(hasDigest(`own.example/node:24@${digest}`)).toBe(true);
  expect(hasDigest("own.example/node:24")).toBe(false);
  expect(hasDigest("own.example/node@sha256:abc")).toBe(false);
});
