import { expect, it } from "vitest";
import { demandNoProblem } from "./review.ts";

const problem = (code: string) => ({ path: "", code, message: `It is ${code}.`, hint: `Mend ${code}.` });

it("a plan's limit is answered as such, with its hint, not as settings that are wrong", () => {
  expect(() => demandNoProblem([problem("part.limit")], "part.settings_invalid")).toThrow(
    expect.objectContaining({ code: "part.limit", hint: "Mend part.limit." }),
  );
  expect(() => demandNoProblem([problem("part.settings_invalid")], "part.settings_invalid")).toThrow(
    expect.objectContaining({ code: "part.settings_invalid" }),
  );
  expect(() => demandNoProblem([])).not.toThrow();
});
