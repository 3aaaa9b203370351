import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { DomainError } from "@portolan/domain";
import { afterEach, describe, expect, it } from "vitest";
import { evasions, scripted } from "./evasions.ts";
import type { Resolve } from "./guarded-address.ts";
import { type Connect, createGuardedDial, type GuardedDialSettings } from "./guarded-dial.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

const listen = (listener: RequestListener): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer(listener);
    servers.push(server);
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });

/** Writes down every socket that is asked for; the ones to public addresses end at a local server. */
const record = (port = 1) => {
  const opened: string[] = [];
  const connect: Connect = (target) => {
    opened.push(`${target.address}:${target.port}`);
    return connectTcp(port, "127.0.0.1");
  };
  return { opened, connect };
};

const dialWith = (settings: GuardedDialSettings) =>
  createGuardedDial({ resolve: scripted, timeoutMs: 20_000, ...settings });

describe("evasions", () => {
  it("are more than sixty", () => expect(new Set(evasions).size).toBeGreaterThanOrEqual(60));
  it.each(evasions)("%j opens no socket", async (url) => {
    const { opened, connect } = record();
    const dial = dialWith({ connect });
    await expect(dial.request(url)).rejects.toMatchObject({ code: "address.forbidden" });
    expect(opened).toEqual([]);
    dial.close();
  });
  it("tells nothing of what stands inside", async () => {
    const dial = dialWith({ connect: record().connect });
    const error = await dial.request("http://inside.example.com/").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DomainError);
    expect(JSON.stringify({ ...(error as DomainError), message: (error as Error).message })).not.toContain("10.0.0.5");
    dial.close();
  });
});

describe("pinning", () => {
  it("goes to the address that was checked, whatever the name says a moment later", async () => {
    const port = await listen((_request, response) => response.end("hello"));
    const { opened, connect } = record(port);
    let asked = 0;
    const resolve: Resolve = async () => (asked++ === 0 ? ["93.184.215.14"] : ["127.0.0.1"]);
    const dial = dialWith({ connect, resolve });
    expect((await dial.request("http://rebind.example.com:8545/x")).body.toString()).toBe("hello");
    expect([opened, asked]).toEqual([["93.184.215.14:8545"], 1]);
    // The kept socket is used again: no question, no new socket, so nothing to rebind.
    expect((await dial.request("http://rebind.example.com:8545/x")).status).toBe(200);
    expect([opened.length, asked]).toEqual([1, 1]);
    dial.close();
  });
  it("refuses the next socket once the name has turned inside", async () => {
    const port = await listen((_request, response) => response.setHeader("connection", "close").end("hello"));
    const { opened, connect } = record(port);
    let asked = 0;
    const resolve: Resolve = async () => (asked++ === 0 ? ["93.184.215.14"] : ["127.0.0.1"]);
    const dial = dialWith({ connect, resolve });
    await dial.request("http://rebind.example.com/");
    await expect(dial.request("http://rebind.example.com/")).rejects.toMatchObject({ code: "address.forbidden" });
    expect(opened).toEqual(["93.184.215.14:80"]);
    dial.close();
  });
  it("sends the name as Host and as the server's name of TLS", async () => {
    const hosts: (string | undefined)[] = [];
    const port = await listen((request, response) => {
      hosts.push(request.headers.host);
      response.end();
    });
    const dial = dialWith({ connect: record(port).connect });
    await dial.request("http://two.example.com:81/");
    expect(hosts).toEqual(["two.example.com:81"]);
    const serverNames: (string | undefined)[] = [];
    const connect: Connect = ({ serverName }) => {
      serverNames.push(serverName);
      return connectTcp(1, "127.0.0.1");
    };
    await expect(dialWith({ connect }).request("https://good.example.com/")).rejects.toMatchObject({
      code: "unavailable",
    });
    expect(serverNames).toEqual(["good.example.com"]);
    dial.close();
  });
});

describe("redirects", () => {
  const redirectTo = (location: string, status = 302) =>
    listen((request, response) => {
      if (request.url === "/start") response.writeHead(status, { location }).end();
      else response.end(`${request.method} ${request.url} ${request.headers.authorization ?? "-"}`);
    });
  it.each([
    "http://127.0.0.1/",
    "http://[::1]/",
    "http://2130706433/",
    "http://inside.example.com/",
    "//127.0.0.1/",
    "http://localhost/",
    "http://user@good.example.com/",
    "file:///etc/passwd",
    "http://169.254.169.254/",
    "\\\\127.0.0.1\\x",
    "http://mixed.example.com/",
  ])("to %j are refused", async (location) => {
    const { opened, connect } = record(await redirectTo(location));
    const dial = dialWith({ connect });
    await expect(dial.request("http://good.example.com/start")).rejects.toMatchObject({ code: "address.forbidden" });
    expect(opened).toEqual(["93.184.215.14:80"]);
    dial.close();
  });
  it("are followed to what is public, without credentials to another origin", async () => {
    const { opened, connect } = record(await redirectTo("http://two.example.com/end", 307));
    const dial = dialWith({ connect });
    const answer = await dial.request("http://good.example.com/start", {
      method: "POST",
      body: "x",
      headers: { authorization: "Bearer s" },
    });
    expect(answer.body.toString()).toBe("POST /end -");
    expect(opened).toHaveLength(2);
    dial.close();
  });
  it("end after three", async () => {
    let count = 0;
    const port = await listen((_request, response) => {
      count += 1;
      response.writeHead(302, { location: "/again" }).end();
    });
    const dial = dialWith({ connect: record(port).connect });
    await expect(dial.request("http://good.example.com/")).rejects.toMatchObject({ code: "unavailable" });
    expect(count).toBe(4);
    dial.close();
  });
});

describe("bounds", () => {
  it("stops reading an answer that is too large", async () => {
    const port = await listen((_request, response) => response.end("x".repeat(2_000)));
    const dial = dialWith({ connect: record(port).connect, maxAnswerBytes: 1_000 });
    await expect(dial.request("http://good.example.com/")).rejects.toMatchObject({ code: "unavailable" });
    dial.close();
  });
  it("gives up on a server that says nothing", async () => {
    const port = await listen(() => undefined);
    const dial = dialWith({ connect: record(port).connect, timeoutMs: 100 });
    await expect(dial.request("http://good.example.com/")).rejects.toMatchObject({
      code: "unavailable",
      retryable: true,
    });
    dial.close();
  });
  it("says so when a name has no address", async () => {
    const { opened, connect } = record();
    const dial = dialWith({ connect });
    await expect(dial.request("http://none.example.com/")).rejects.toMatchObject({ code: "unavailable" });
    expect(opened).toEqual([]);
    dial.close();
  });
});
