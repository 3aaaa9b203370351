import { describe, expect, it } from "vitest";
import { toBytes } from "../quantity.ts";
import { createFrameReader, toFrame } from "./frames.ts";

describe("frames", () => {
  it("come apart the same however the stream was cut", async () => {
    const stream = Buffer.concat([
      toFrame({ size: 5, name: "é" }),
      Buffer.from("01234"),
      toFrame({ size: 0 }),
      toFrame({ size: 2 }),
      Buffer.from("xy"),
    ]);
    for (const step of [1, 3, 7, stream.length]) {
      const seen: unknown[] = [];
      let bytes = "";
      const reader = createFrameReader({
        onFrame: (value) => {
          seen.push(value);
          return (value as { size: number }).size;
        },
        onBytes: (piece) => {
          bytes += piece.toString("latin1");
        },
      });
      for (let at = 0; at < stream.length; at += step) await reader.push(stream.subarray(at, at + step));
      expect([seen.length, bytes, reader.isDone()]).toEqual([3, "01234xy", true]);
    }
  });

  it("refuse what is none", async () => {
    const reader = createFrameReader({ onFrame: () => 0, onBytes: () => undefined });
    await expect(reader.push(Buffer.from("no frame at all"))).rejects.toThrow("can't be read");
  });
});

describe("quantities", () => {
  it("become bytes", () => {
    const all = ["1", "1k", "1Ki", "1.5Gi", "2e3", "500M", "", "x"].map((text) => Number(toBytes(text)));
    expect(all).toEqual([1, 1000, 1024, 1_610_612_736, 2000, 500_000_000, 0, 0]);
  });
});
