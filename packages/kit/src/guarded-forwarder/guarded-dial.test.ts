import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { DomainError } from "@portolan/domain";
import { afterEach, describe, expect, it } from "vitest";
import { type Connect, createGuardedDial, type GuardedDialSettings, type Resolve } from "./guarded-dial.ts";

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

const names: { [name: string]: readonly string[] } = {
  "good.example.com": ["93.184.215.14"],
  "two.example.com": ["93.184.215.14", "2606:2800:21f::1"],
  "inside.example.com": ["10.0.0.5"],
  "loop.example.com": ["127.0.0.1"],
  "meta.example.com": ["169.254.169.254"],
  "mixed.example.com": ["93.184.215.14", "127.0.0.1"],
  "mixed6.example.com": ["93.184.215.14", "::1"],
  "mapped.example.com": ["::ffff:10.0.0.1"],
  "nat64.example.com": ["64:ff9b::a00:1"],
  "sixtofour.example.com": ["2002:7f00:1::"],
  "ula.example.com": ["fd00::1"],
  "cgnat.example.com": ["100.64.1.1"],
  "zone.example.com": ["fe80::1%eth0"],
  "odd.example.com": ["0x7f000001"],
  "127.0.0.1.nip.io": ["127.0.0.1"],
  "none.example.com": [],
};
const scripted: Resolve = async (name) => names[name.toLowerCase()] ?? [];

const dialWith = (settings: GuardedDialSettings) =>
  createGuardedDial({ resolve: scripted, timeoutMs: 2_000, ...settings });

const evasions = [
  "http://127.0.0.1/",
  "http://127.0.0.1:8545/",
  "http://127.1/",
  "http://127.0.1/",
  "http://2130706433/",
  "http://0x7f000001/",
  "http://0x7f.0.0.1/",
  "http://0x7F.1/",
  "http://0177.0.0.1/",
  "http://017700000001/",
  "http://0177.0x0.0.1/",
  "http://127.0.0.1./",
  "http://0/",
  "http://0.0.0.0/",
  "http://00000000/",
  "http://10.0.0.1/",
  "http://167772161/",
  "http://0xa000001/",
  "http://012.0.0.1/",
  "http://172.16.0.1/",
  "http://172.31.255.254/",
  "http://192.168.0.1/",
  "http://3232235521/",
  "http://100.64.0.1/",
  "http://169.254.169.254/latest/meta-data/",
  "http://2852039166/",
  "http://0xa9fea9fe/",
  "http://0251.0376.0251.0376/",
  "http://198.18.0.1/",
  "http://224.0.0.1/",
  "http://255.255.255.255/",
  "http://[::1]/",
  "http://[::]/",
  "http://[0:0:0:0:0:0:0:1]/",
  "http://[::ffff:127.0.0.1]/",
  "http://[::ffff:7f00:1]/",
  "http://[::127.0.0.1]/",
  "http://[::ffff:169.254.169.254]/",
  "http://[64:ff9b::127.0.0.1]/",
  "http://[64:ff9b:1::a00:1]/",
  "http://[2002:7f00:1::]/",
  "http://[2001:0:7f00:1::]/",
  "http://[fc00::1]/",
  "http://[fd00:ec2::254]/",
  "http://[fe80::1]/",
  "http://[fe80::1%25eth0]/",
  "http://[ff02::1]/",
  "http://[2001:db8::1]/",
  "http://localhost/",
  "http://LOCALHOST/",
  "http://localhost./",
  "http://LocalHost:80/",
  "http://foo.localhost/",
  "http://db/",
  "http://postgres:5432/",
  "http://metadata.google.internal/",
  "http://printer.local/",
  "http://x.home.arpa/",
  "http://user@good.example.com/",
  "http://user:pass@good.example.com/",
  "http://good.example.com@127.0.0.1/",
  "http://good.example.com:80@127.0.0.1/",
  "http://127.0.0.1@good.example.com/",
  "http://@good.example.com/",
  "http://good.example.com%40127.0.0.1/",
  "http://127.0.0.1%2f@good.example.com/",
  "http://127.0.0.1#@good.example.com/",
  "http://127.0.0.1\\@good.example.com/",
  "http://127.0.0.1?@good.example.com/",
  "http:127.0.0.1/",
  "http:///127.0.0.1/",
  "http:\\\\127.0.0.1\\",
  "\thttp://127.0.0.1/",
  "http://127。0。0。1/",
  "http://１２７.0.0.1/",
  "http://①②⑦.⓪.⓪.①/",
  "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
  "http://ｌocalhost/",
  "http://loc\u00adalhost/",
  "http://127.0.0.1%00.example.com/",
  "http://12\t7.0.0.1/",
  "http://%31%32%37.0.0.1/",
  "http://inside.example.com/",
  "http://loop.example.com/",
  "http://meta.example.com/",
  "http://mixed.example.com/",
  "http://mixed6.example.com/",
  "http://mapped.example.com/",
  "http://nat64.example.com/",
  "http://sixtofour.example.com/",
  "http://ula.example.com/",
  "http://cgnat.example.com/",
  "http://zone.example.com/",
  "http://odd.example.com/",
  "http://127.0.0.1.nip.io/",
  "http://LOOP.example.com/",
  "http://loop.example.com./",
  "https://loop.example.com/",
  "https://127.0.0.1/",
  "https://[::1]:6443/",
  "file:///etc/passwd",
  "ftp://good.example.com/",
  "gopher://127.0.0.1:6379/_x",
  "data:text/plain,x",
  "javascript:1",
  "unix:/var/run/docker.sock",
  "ws://good.example.com/",
  "//good.example.com/",
  "good.example.com",
  "",
  " ",
  "http://",
  "http://good.example.com:0/",
  "http://good.example.com:99999/",
  `http://good.example.com/${"a".repeat(3_000)}`,
];

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
