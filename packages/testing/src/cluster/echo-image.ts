import type { ImageSpec } from "./contract.ts";

/**
 * Runs in a pod, with Node alone. `/` says who answered whom; `/connect?host=&port=` tries a connection from there;
 * `/resolve?name=` asks the pod's names; `/file?path=` reads a file, and with a body writes it.
 */
const server = `
import { createServer } from "node:http";
import { connect } from "node:net";
import { hostname } from "node:os";
import { lookup } from "node:dns/promises";
import { readFile, writeFile } from "node:fs/promises";

const tryConnection = (host, port) => new Promise((resolve) => {
  const socket = connect({ host, port, timeout: 2000 });
  const end = (result) => { socket.destroy(); resolve(result); };
  socket.once("connect", () => end({ connected: true }));
  socket.once("timeout", () => end({ connected: false, reason: "timeout" }));
  socket.once("error", (error) => end({ connected: false, reason: error.code }));
});
const answers = {
  "/": async (url, body, request) => ({ pod: hostname(), from: request.socket.remoteAddress.replace("::ffff:", ""), body }),
  "/connect": async ({ searchParams: q }) => await tryConnection(q.get("host"), Number(q.get("port"))),
  "/resolve": async ({ searchParams: q }) => await lookup(q.get("name"), { family: 4 }),
  "/file": async ({ searchParams: q }, body) => {
    if (body !== "") await writeFile(q.get("path"), body);
    return { text: await readFile(q.get("path"), "utf8") };
  },
};
const port = Number(process.env.PORT ?? 8080);
createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  const url = new URL(request.url, "http://pod");
  console.log(request.method, request.url);
  try {
    response.end(JSON.stringify(await (answers[url.pathname] ?? answers["/"])(url, body, request)));
  } catch (error) {
    response.writeHead(500).end(JSON.stringify({ error: String(error) }));
  }
}).listen(port, () => console.log("listening on", port));
process.on("SIGTERM", () => process.exit(0));
`;

/** An image of Node with a server that answers what a pod sees (port 8080, or PORT). */
export const echoImage = (name = "echo"): ImageSpec => ({
  name,
  programs: [process.execPath],
  texts: { "/srv/echo.mjs": server },
  entrypoint: ["/usr/local/bin/node", "/srv/echo.mjs"],
});
