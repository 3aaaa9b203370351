import { expect, test } from "vitest";
import { renderMoney, renderTable } from "./output.ts";

test.each([
  ["0", "USD 0.00"],
  ["1", "USD 0.000001"],
  ["1234567", "USD 1.234567"],
  ["1500000", "USD 1.50"],
  ["-20", "USD -0.00002"],
  ["12000000", "USD 12.00"],
])("%s micros is %s", (micros, text) => {
  expect(renderMoney({ currency: "USD", micros })).toBe(text);
});

test("columns line up, and a missing value is a dash", () => {
  const table = renderTable(
    [
      { id: "a", name: "long name" },
      { id: "bcd", name: null },
    ],
    ["id", "name"],
  );
  expect(table).toBe("ID   NAME\na    long name\nbcd  -");
});
