import { DomainError } from "@portolan/domain";
import { expect, test } from "vitest";
import {
  toClaimName,
  toContainerName,
  toFilesName,
  toJobName,
  toNodeObjectName,
  toPodName,
  toVolumeName,
} from "./names.ts";
import { toNamespaceName } from "./space.ts";

const label = /^[a-z]([a-z0-9-]*[a-z0-9])?$/;
const subdomain = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/;

test("a namespace is the placement's id with a hyphen", () => {
  expect(toNamespaceName({ placementId: "plc_01jd0000000000000000000010" })).toBe("p-plc-01jd0000000000000000000010");
});

test.each(["", "PLC_1", "plc_../etc", `plc_${"a".repeat(40)}`, "plc_1.2"])("no namespace is made of %j", (id) => {
  expect(() => toNamespaceName({ placementId: id })).toThrow(DomainError);
});

const awkward = ["Node_1", "9-lives", "a.b", "x".repeat(100), "-", "ends-", "ümlaut", "a_b"];

test.each(awkward)("an awkward name becomes a label that nobody else gets: %s", (name) => {
  for (const made of [toNodeObjectName(name), toVolumeName(name), toContainerName(name), toJobName(name, "k")]) {
    expect(made).toMatch(label);
    expect(made.length).toBeLessThanOrEqual(63);
  }
  expect(toClaimName(name, name)).toMatch(subdomain);
  expect(toFilesName(name, "0a1b2c3d4e")).toMatch(subdomain);
  const others = awkward.filter((one) => one !== name).map(toNodeObjectName);
  expect(others).not.toContain(toNodeObjectName(name));
});

test("a pod's name leaves room for the hash of its revision, which Kubernetes puts into a label", () => {
  expect(toNodeObjectName("n".repeat(80)).length + "-0123456789".length).toBeLessThanOrEqual(63);
  expect(toPodName("peer-org1-0")).toBe("peer-org1-0-0");
});

test("a node and a volume are never another node and volume", () => {
  expect(toClaimName("a-b", "c")).not.toBe(toClaimName("a", "b-c"));
  expect(toJobName("a", "b/1")).not.toBe(toJobName("a", "b-1"));
  expect(toJobName("a", "1")).not.toBe(toJobName("b", "1"));
});
