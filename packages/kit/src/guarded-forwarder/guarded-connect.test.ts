import { createServer, type Server, type Socket, connect as tcp } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { evasions, scripted } from "./evasions.ts";
import { isPublicEndpoint, type Resolve } from "./guarded-address.ts";
import { createGuardedConnect, type GuardedConnectSettings } from "./guarded-connect.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const listen = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer((socket) => socket.on("error", () => undefined).end("hello"));
    servers.push(server);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });

/** Writes down every socket that is asked for; they all end at a local server. */
const record = (port: number) => {
  const opened: string[] = [];
  const connect: GuardedConnectSettings["connect"] = ({ address, port: wanted }) => {
    opened.push(`${address}:${wanted}`);
    return tcp(port, "127.0.0.1");
  };
  return { opened, connect };
};

const textOf = async (socket: Socket): Promise<string> => {
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return text;
};

/** Hosts of the list of URLs with a port behind them, and whole texts of it where an address is expected. */
const endpoints = [
  ...new Set([
    ...evasions.filter((url) => url.length < 300),
    ...evasions.flatMap((url) => {
      const [, host] = /^[a-z]+:\/\/([^/?#\\]*)/.exec(url) ?? [];
      if (host === undefined || host === "good.example.com") return [];
      return [/:[0-9]+$/.test(host) && !host.endsWith("]") ? host : `${host}:7052`];
    }),
    "good.example.com",
    "good.example.com:",
    "good.example.com:0",
    "good.example.com:65536",
    "good.example.com:7052/x",
    "good.example.com:7052@127.0.0.1:1",
    "127.1:7052",
    "0x7f.1:7052",
    "2130706433:7052",
    "localhost:5432",
    "[::ffff:127.0.0.1]:7052",
    " good.example.com:7052",
    "good.example.com:7052\r\nx: y",
  ]),
].filter((endpoint) => endpoint !== "good.example.com:7052");

describe("evasions", () => {
  it("are more than sixty", () => expect(endpoints.length).toBeGreaterThan(100));
  it.each(endpoints)("%j opens no socket", async (endpoint) => {
    const { opened, connect } = record(1);
    const dial = createGuardedConnect({ resolve: scripted, connect });
    await expect(dial(endpoint)).rejects.toMatchObject({ code: "address.forbidden" });
    expect(opened).toEqual([]);
  });
  it.each(["127.0.0.1:7052", "127.1:80", "localhost:80", "[::1]:80", "x", "2130706433:1", "db:5432"])(
    "%j is not even written down",
    (endpoint) => expect(isPublicEndpoint(endpoint)).toBe(false),
  );
  it.each(["cc.example.com:7052", "1.1.1.1:80", "[2606:4700::1111]:443"])("%j may be tried", (endpoint) =>
    expect(isPublicEndpoint(endpoint)).toBe(true),
  );
});

describe("an address that may be dialled", () => {
  it("is resolved for each connection, and the socket goes to what was checked", async () => {
    const { opened, connect } = record(await listen());
    let asked = 0;
    const resolve: Resolve = async () => (asked++ === 0 ? ["93.184.215.14"] : ["127.0.0.1"]);
    const dial = createGuardedConnect({ resolve, connect });
    expect(await textOf(await dial("rebind.example.com:7052"))).toBe("hello");
    expect(opened).toEqual(["93.184.215.14:7052"]);
    await expect(dial("rebind.example.com:7052")).rejects.toMatchObject({ code: "address.forbidden" });
    expect(opened).toHaveLength(1);
  });
  it("keeps the port that is a scheme's own", async () => {
    const { opened, connect } = record(await listen());
    (await createGuardedConnect({ resolve: scripted, connect })("good.example.com:80")).destroy();
    expect(opened).toEqual(["93.184.215.14:80"]);
  });
  it("may be private at the operator's word", async () => {
    const port = await listen();
    expect(await textOf(await createGuardedConnect({ allowPrivate: true })(`localhost:${port}`))).toBe("hello");
  });
  it("that nobody listens on, or that is never found, says so in time", async () => {
    const dial = createGuardedConnect({ allowPrivate: true });
    await expect(dial("127.0.0.1:1")).rejects.toMatchObject({ code: "unavailable", detail: "ECONNREFUSED" });
    const slow = createGuardedConnect({ resolve: () => new Promise(() => undefined), timeoutMs: 20 });
    await expect(slow("good.example.com:1")).rejects.toMatchObject({ code: "unavailable", detail: "ETIMEDOUT" });
  });
});
