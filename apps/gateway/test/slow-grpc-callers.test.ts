import { once } from "node:events";
import { constants } from "node:http2";
import { afterEach, beforeEach, expect, it } from "vitest";
import { toFrame } from "../src/protocols/grpc-frames.ts";
import { connectGrpc, openCall } from "./grpc-client.ts";
import { startGrpc } from "./grpc-harness.ts";
import { eventually } from "./harness.ts";

let g: Awaited<ReturnType<typeof startGrpc>>;
beforeEach(async () => {
  g = await startGrpc({ settings: { unreadBytes: 1_500_000 } });
});
afterEach(() => g.close());

it("answers to gRPC callers that give no room for them are in the budget; who reads is answered", async () => {
  const slow = connectGrpc(g.grpc.port, "chn-1.chains.localhost", g.grpc.ca);
  await once(slow, "connect");
  slow.settings({ initialWindowSize: 0 });
  await once(slow, "localSettings");
  const message = Buffer.alloc(200_000, 7);
  const ended: number[] = [];
  for (let count = 1; count <= 12; count++) {
    const { stream, answer } = openCall(slow, "Echo", g.grpc.key);
    void answer.then(() => ended.push(stream.rstCode ?? 0));
    stream.end(toFrame(message));
    await eventually(() => g.nodes[0]?.answered.get("Echo") === count, 30_000);
  }
  await eventually(() => ended.length >= 4, 30_000);
  expect(new Set(ended)).toEqual(new Set([constants.NGHTTP2_ENHANCE_YOUR_CALM]));
  expect(ended.length).toBeLessThan(12);
  expect(g.lines.filter((line) => line.includes("read slowest were cut")).length).toBeGreaterThan(0);
  const good = await g.unary("Echo", message);
  expect([good.status, good.messages[0]?.length]).toEqual(["0", 200_000]);
  slow.destroy();
});
