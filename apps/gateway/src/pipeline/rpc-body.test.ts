import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readAnswer, withId } from "./rpc-answer.ts";
import { readRpcBody, writeCall } from "./rpc-body.ts";

const latin1 = (text: string): string => Buffer.from(text).toString("latin1");
const utf8 = (text: string): string => Buffer.from(text, "latin1").toString("utf8");
const parse = (text: string): { value: unknown } | null => {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
};

/** Texts near JSON: valid ones, and valid ones with a few characters changed. */
const nearJson = fc
  .tuple(
    fc.oneof(
      fc.json({ maxDepth: 4 }),
      fc.json({ maxDepth: 3 }).map((text) => JSON.stringify(JSON.parse(text), null, 1)),
      fc
        .record(
          {
            jsonrpc: fc.constantFrom("2.0", "1.0"),
            id: fc.jsonValue({ maxDepth: 1 }),
            method: fc.oneof(fc.string(), fc.integer()),
            params: fc.jsonValue(),
          },
          { requiredKeys: [] },
        )
        .map((value) => JSON.stringify(value)),
    ),
    fc.array(
      fc.tuple(
        fc.nat(200),
        fc.constantFrom(
          "",
          '"',
          "\\",
          "{",
          "}",
          "[",
          "]",
          ",",
          ":",
          "0",
          "-",
          ".",
          "e",
          "\u0001",
          " ",
          "\n",
          "\\u12",
          "tru",
          "é",
          "\ufeff",
          "01",
        ),
      ),
      { maxLength: 2 },
    ),
  )
  .map(([text, edits]) =>
    edits.reduce(
      (now, [at, insert]) =>
        `${now.slice(0, at % (now.length + 1))}${insert}${now.slice((at % (now.length + 1)) + (at % 2))}`,
      text,
    ),
  );

describe("readRpcBody", () => {
  it("agrees with JSON.parse on what is JSON, and on every member", () => {
    fc.assert(
      fc.property(nearJson, (source) => {
        const parsed = parse(source);
        const body = readRpcBody(latin1(source), 1_000);
        expect(body.kind === "malformed").toBe(parsed === null);
        if (parsed === null || body.kind === "malformed") return;
        const { value } = parsed;
        if (body.kind === "other") {
          expect(typeof value !== "object" || value === null).toBe(true);
          return;
        }
        const calls = body.kind === "single" ? [body.call] : body.calls;
        const values: unknown[] = body.kind === "single" ? [value] : (value as unknown[]);
        expect(calls.length).toBe(values.length);
        calls.forEach((call, index) => {
          if (call.fault !== null) return;
          const item = values[index] as { id?: unknown; method: unknown; params?: unknown; jsonrpc: unknown };
          expect(item.jsonrpc).toBe("2.0");
          expect(utf8(call.method ?? "")).toBe(item.method);
          expect(call.id === null ? undefined : (JSON.parse(utf8(call.id)) as unknown)).toEqual(item.id);
          expect(call.params === "" ? undefined : (JSON.parse(utf8(call.params)) as unknown)).toEqual(item.params);
          const again = JSON.parse(utf8(writeCall(call, 7))) as unknown;
          expect(again).toEqual({
            jsonrpc: "2.0",
            id: 7,
            method: item.method,
            ...(call.params === "" ? {} : { params: item.params }),
          });
        });
      }),
      { numRuns: 20_000 },
    );
  });

  it("keeps ids as they were written", () => {
    for (const id of ["12345678901234567890", "1.0", "1e3", "-0", "null", '"a\\u0062"', '"é"', "0.10"]) {
      const body = readRpcBody(latin1(`{"id" : ${id} ,"jsonrpc":"2.0","method":"m"}`), 10);
      expect(body.kind === "single" && utf8(body.call.id ?? "")).toBe(id);
      expect(body.kind === "single" && body.call.isPlain).toBe(false);
      const answer = '{"jsonrpc":"2.0","result":{"id":3,"x":"}"},"id":7}';
      const read = readAnswer(answer);
      expect(read === null ? "" : withId(answer, read, id)).toBe(
        `{"jsonrpc":"2.0","result":{"id":3,"x":"}"},"id":${id}}`,
      );
    }
  });

  it("never lets a second reading of the same bytes name another method", () => {
    const single = (text: string) => {
      const body = readRpcBody(latin1(text), 10);
      if (body.kind !== "single") throw new Error(body.kind);
      return body.call;
    };
    expect(single('{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}').fault).toMatch(/more than once/);
    expect(single('{"jsonrpc":"2.0","id":1,"method":"a","m\\u0065thod":"b"}').fault).toMatch(/more than once/);
    const cased = single('{"jsonrpc":"2.0","id":1,"method":"a","Method":"b"}');
    expect([cased.fault, cased.isPlain, writeCall(cased, 1)]).toEqual([
      null,
      false,
      '{"jsonrpc":"2.0","id":1,"method":"a"}',
    ]);
    const escaped = single('{"jsonrpc":"2.0","id":1,"method":"\\u0061dmin_x"}');
    expect([escaped.method, escaped.isPlain]).toEqual(["admin_x", false]);
    expect(single('{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}').isPlain).toBe(true);
    expect(single('{"jsonrpc":"2.0","id":1,"params":{"method":"x"},"method":"a"}').method).toBe("a");
  });

  it("refuses nesting that would exhaust a node's parser, without exhausting its own", () => {
    expect(readRpcBody(`${"[".repeat(200_000)}`, 10).kind).toBe("malformed");
    expect(
      readRpcBody(`{"jsonrpc":"2.0","id":1,"method":"m","params":${"[".repeat(500)}${"]".repeat(500)}}`, 10).kind,
    ).toBe("malformed");
  });
});
