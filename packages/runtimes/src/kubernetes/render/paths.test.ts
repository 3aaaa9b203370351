import { DomainError } from "@portolan/domain";
import { expect, test } from "vitest";
import { toText, toVerbatim } from "./paths.ts";

const node = {
  name: "node-0",
  volumes: [
    { name: "data", kind: "data" as const, sizeBytes: 1 },
    { name: "Cache", kind: "scratch" as const, sizeBytes: 1 },
  ],
};

test("a text has the paths that the node's programs see", () => {
  expect(toText(node, ["a ", { file: "msp/key.pem" }, " ", { directory: "" }, " ", { directory: "msp" }])).toBe(
    "a /portolan/files/msp/key.pem /portolan/files /portolan/files/msp",
  );
  expect(toText(node, { volume: "data", path: "a/b" })).toBe("/portolan/data/data/a/b");
  expect(toText(node, { volume: "Cache" })).toMatch(/^\/portolan\/scratch\/n-cache-[0-9a-f]{8}$/);
});

test.each([
  { file: "../etc/passwd" },
  { file: "/etc/passwd" },
  { volume: "data", path: "../other" },
  { volume: "nowhere" },
])("no path leaves what is the node's: %j", (ref) => {
  expect(() => toText(node, ref)).toThrow(DomainError);
});

/** As kubelet reads arguments and values (third_party/forked/golang/expansion of Kubernetes). */
const expand = (text: string): string =>
  text.replace(/\$\$|\$\((\w+)\)/g, (found) => (found === "$$" ? "$" : "EXPANDED"));

test.each(["$(HOME)", "$$(HOME)", "$$$", "cost $5", "plain"])("%s reaches the program as it is", (text) => {
  expect(expand(toVerbatim(text))).toBe(text);
});
