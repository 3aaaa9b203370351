import { describe, expect, it } from "vitest";
import { createAccess } from "./node-config.ts";
import { readWords } from "./words.ts";

describe("what stands in for Octez", () => {
  it("takes the options that it knows, once each", () => {
    const known = { valued: ["--data-dir"], alone: ["--without-dal"] };
    const words = readWords(["run", "--data-dir", "/data", "--without-dal", "name"], known);
    expect([words.plain, words.get("--data-dir")]).toEqual([["run", "name"], "/data"]);
    expect(() => readWords(["--rpc-addr", "x"], known)).toThrow("unknown option --rpc-addr");
    expect(() => readWords(["--without-dal", "--without-dal"], known)).toThrow("twice");
    expect(() => words.get("--config-file")).toThrow("missing");
  });
  it("keeps to a node's access list", () => {
    const whitelist = ["GET /version", "GET /chains/*/blocks/*/header", "GET /chains/*/blocks/*/context/contracts/**"];
    const allows = createAccess({ acl: { isOpen: false, whitelist } });
    expect(allows("GET", "/chains/main/blocks/head/header")).toBe(true);
    expect(allows("GET", "/chains/main/blocks/head/context/contracts/tz1/balance")).toBe(true);
    expect(allows("POST", "/version")).toBe(false);
    expect(allows("GET", "/chains/main/blocks/head/header/shell")).toBe(false);
    expect(createAccess({ acl: { isOpen: true, whitelist: [] } })("POST", "/injection/block")).toBe(true);
  });
});
