import { once } from "node:events";
import { createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { claimPort, holderOf } from "./ports.ts";

const occupy = async (): Promise<number> => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no address");
  return address.port;
};

test("a taken port is named with its holder and the variable that moves it", async () => {
  const port = await occupy();
  const error = await claimPort(port, "API", "PORTOLAN_API_PORT").catch((caught: unknown) => caught);
  expect(error).toMatchObject({
    message: expect.stringContaining(`Port ${port} for the API is taken`),
    hint: expect.stringContaining("PORTOLAN_API_PORT"),
  });
  if (process.platform === "linux") expect(holderOf(port)?.pid).toBe(process.pid);
});

test("0 gives any free port, and a free one is given back as it was asked for", async () => {
  const port = await claimPort(0, "API", "PORTOLAN_API_PORT");
  expect(port).toBeGreaterThan(0);
  expect(await claimPort(port, "API", "PORTOLAN_API_PORT")).toBe(port);
  expect(holderOf(port)).toBeUndefined();
});
