import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { eventually, type Harness, startGateway } from "./harness.ts";
import { testFrameworks, testPolicy } from "./test-policy.ts";

const mebibyte = 1024 * 1024;
let g: Harness;
const callers: Socket[] = [];
beforeEach(async () => {
  // Large answers may take their time on a machine that is busy.
  const policy = { ...testPolicy, timeoutMs: 60_000 };
  const frameworks = {
    ...testFrameworks,
    protocols: () => [{ name: "json-rpc", role: "node", port: "rpc", policy }] as const,
  };
  g = await startGateway({ frameworks, settings: { unreadBytes: 28 * mebibyte } });
});
afterEach(async () => {
  for (const socket of callers.splice(0)) socket.destroy();
  await g.close();
});

/** Asks `times` for a large answer in one packet and reads nothing. */
const ask = async (times: number): Promise<Socket> => {
  const socket = connect(g.port, "127.0.0.1").pause();
  callers.push(socket);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "large" });
  const head = `POST /chn_1 HTTP/1.1\r\nhost: x\r\nx-api-key: ${g.secret}\r\ncontent-length: ${body.length}\r\n\r\n`;
  socket.write(`${head}${body}`.repeat(times));
  return socket;
};
const cutLines = (): { callers: number; heldBytes: number }[] =>
  g.lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg.includes("read slowest were cut"));
const metric = async (name: string): Promise<number> => {
  const text = await (await fetch(`${g.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)`, "m").exec(text)?.[1]);
};

it("callers that never read are cut when their answers fill the budget; one that reads is answered in full", async () => {
  const slow = [await ask(1), await ask(1)];
  await eventually(async () => (await metric("portolan_gateway_unread_bytes")) > 16 * mebibyte, 60_000);
  for (let turn = 0; turn < 3; turn++) expect((await g.call("large")).text.length).toBeGreaterThan(8 * mebibyte);
  slow.push(await ask(1), await ask(1));
  await eventually(() => cutLines().length > 0, 30_000);
  expect((await g.call("large")).text.length).toBeGreaterThan(8 * mebibyte);
  expect(await metric("portolan_gateway_unread_bytes")).toBeLessThanOrEqual(28 * mebibyte);
  expect(await metric("portolan_gateway_slow_callers_cut_total")).toBe(
    cutLines().reduce((sum, line) => sum + line.callers, 0),
  );
  // The first is the one that goes.
  slow[0]?.resume();
  await eventually(() => slow[0]?.destroyed === true);
});

it("answers that wait behind others on one connection are in the budget", async () => {
  const slow = await ask(8);
  await eventually(() => cutLines().length > 0, 30_000);
  slow.resume();
  await eventually(() => slow.destroyed);
  expect(await metric("portolan_gateway_slow_callers_cut_total")).toBe(1);
});

it("the metrics are nobody's who calls through a proxy", async () => {
  const answer = await fetch(`${g.url}/metrics`, { headers: { "x-forwarded-for": "203.0.113.7" } });
  expect(answer.status).not.toBe(200);
  expect(await answer.text()).not.toContain("portolan_");
});
