import { expect, it } from "vitest";
import { compileToken } from "../../../test/compile-token.ts";
import { quickstartToken } from "./quickstart-token.ts";

it("is what its source compiles to, byte for byte", () => {
  const built = compileToken();
  expect(built.bytecode).toBe(quickstartToken.bytecode);
  expect(built).toEqual(quickstartToken);
}, 60_000);
