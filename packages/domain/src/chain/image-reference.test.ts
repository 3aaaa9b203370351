import { expect, test } from "vitest";
import { isRegistryHost, parseImageReference } from "./image-reference.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

test.each([
  [`ghcr.io/acme/assets@${digest}`, { registry: "ghcr.io", repository: "acme/assets", digest }],
  [`10.0.0.1:5000/a@${digest}`, { registry: "10.0.0.1:5000", repository: "a", digest }],
  [
    `ghcr.io/a/b_c/d__e/f--g.h:1.0-x_y@${digest}`,
    { registry: "ghcr.io", repository: "a/b_c/d__e/f--g.h", tag: "1.0-x_y", digest },
  ],
  ["localhost:5000/a:1", { registry: "localhost:5000", repository: "a", tag: "1" }],
])("%s", (text, parts) => {
  expect(parseImageReference(text)).toEqual(parts);
});

test.each([
  "",
  "assets",
  `assets@${digest}`,
  // Docker Hub is meant by some and not by others: it is `docker.io/library/…` here.
  `library/assets@${digest}`,
  `GHCR.io/acme/assets@${digest}`,
  `ghcr.io/Acme/assets@${digest}`,
  `ghcr.io/acme//assets@${digest}`,
  `ghcr.io/../assets@${digest}`,
  `ghcr.io/acme/___a@${digest}`,
  `ghcr.io/acme/a___b@${digest}`,
  `ghcr.io/acme/assets:@${digest}`,
  `ghcr.io/acme/assets:-1@${digest}`,
  `ghcr.io/acme/assets@${digest.toUpperCase()}`,
  `ghcr.io/acme/assets@${digest}0`,
  `ghcr.io/acme/assets@${digest}@${digest}`,
  "ghcr.io/acme/assets@sha512:00",
  `user:password@ghcr.io/acme/assets@${digest}`,
  `https://ghcr.io/acme/assets@${digest}`,
  `[::1]:5000/assets@${digest}`,
  `ghcr.io/acme/as sets@${digest}`,
  `ghcr.io/acme/assets@${digest}\n`,
  `ghcr.io/${"a".repeat(256)}@${digest}`,
  `ghcr.io/${"a/".repeat(300)}a@${digest}`,
])("%s is none", (text) => {
  expect(parseImageReference(text)).toBeNull();
});

test.each(["ghcr.io", "a.b-c.example:5000", "127.0.0.1:1", "localhost:5000"])("%s is a registry", (host) => {
  expect(isRegistryHost(host)).toBe(true);
});

test.each([
  "localhost",
  "ghcr",
  "-a.io",
  "a-.io",
  "a..b",
  "ghcr.io/",
  "ghcr.io:",
  "ghcr.io:123456",
  "*.io",
  `${"a.".repeat(200)}io`,
])("%s is none", (host) => {
  expect(isRegistryHost(host)).toBe(false);
});
