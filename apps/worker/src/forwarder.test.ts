import { readFile, stat } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { silentLogger } from "@portolan/kit";
import { temporaryDirectory } from "@portolan/testing";
import { afterEach, expect, it } from "vitest";
import { startForwarder } from "./forwarder.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const open = async (home: string, allowPrivate: "true" | "false" = "false") => {
  const config = { PORTOLAN_FORKS: "[]", PORTOLAN_HOME: home, PORTOLAN_CHAINCODE_PRIVATE: allowPrivate };
  const forwarder = await startForwarder(config, silentLogger);
  closing.push(forwarder.close);
  return forwarder;
};

/** The answer to a node that asks for the address. */
const ask = (url = "", address: string, permit = ""): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const headers = { "proxy-authorization": `Permit ${permit}` };
    const outgoing = request({ host: hostname, port, method: "CONNECT", path: address, headers, agent: false });
    outgoing.once("connect", (answer, socket) => {
      socket.destroy();
      resolve(answer.statusCode);
    });
    outgoing.once("error", reject).end();
  });

it("is there without any network to fork, and takes the permits that blueprints carry", async () => {
  const { operator } = await open(temporaryDirectory("forwarder"));
  const address = "127.0.0.1:1";
  const permit = operator.externalChaincode?.permit?.("chn_a", address);
  expect(await ask(operator.forwarderUrl, address, permit)).toBe(403);
  expect(await ask(operator.forwarderUrl, address, "chn_a.00")).toBe(407);
  expect(operator.externalChaincode?.mayDial(address)).toBe(false);
  expect(operator.externalChaincode?.mayDial("cc.example.com:7052")).toBe(true);
});

it("dials private addresses where the operator says so", async () => {
  const { operator } = await open(temporaryDirectory("forwarder"), "true");
  const address = "127.0.0.1:1";
  expect(await ask(operator.forwarderUrl, address, operator.externalChaincode?.permit?.("chn_a", address))).toBe(502);
  expect(operator.externalChaincode?.mayDial(address)).toBe(true);
});

it("is the same after a restart, so that no node is started anew; its key is the operator's alone", async () => {
  const home = temporaryDirectory("forwarder");
  const first = await open(home);
  const permit = first.operator.externalChaincode?.permit?.("chn_a", "a.example.com:1");
  await first.close();
  const { operator } = await open(home);
  expect(operator.forwarderUrl).toBe(first.operator.forwarderUrl);
  expect(operator.externalChaincode?.permit?.("chn_a", "a.example.com:1")).toBe(permit);
  const file = join(home, "forwarder-key");
  expect((await stat(file)).mode & 0o077).toBe(0);
  expect(permit).not.toContain(await readFile(file, "utf8"));
});
