import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

interface NodeRequest {
  id?: unknown;
  method: string;
  params?: unknown;
}

/**
 * A node that counts what it answers, as a recording proxy would. Methods: `slow` and `load` wait, `die` ends the connection in
 * mid-answer, `fail` is a JSON-RPC error, `large` is 8 MiB, `garbage` is no JSON-RPC, `echo` gives back its parameters, `snapshot` the first of them if there is one; batches are
 * answered in reverse order, and items called `lost` not at all.
 */
export const createFakeNode = () => {
  const answered = new Map<string, number>();
  const bodies: string[] = [];
  let received = 0;
  let snapshots = 0;
  const count = (method: string): void => {
    answered.set(method, (answered.get(method) ?? 0) + 1);
  };
  const answer = ({ id, method, params }: NodeRequest): string => {
    count(method);
    if (method === "fail")
      return JSON.stringify({ jsonrpc: "2.0", id, error: { code: 3, message: "execution reverted" } });
    if (method === "snapshot") snapshots += 1;
    const result =
      method === "echo"
        ? params
        : method === "snapshot"
          ? ((params as unknown[] | undefined)?.[0] ?? `0x${(snapshots - 1).toString(16)}`)
          : method === "revert"
            ? true
            : method === "large"
              ? "x".repeat(8_388_608)
              : `0x${method.length}`;
    return JSON.stringify({ jsonrpc: "2.0", id, result });
  };
  const server: Server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      received += 1;
      const text = Buffer.concat(chunks).toString();
      bodies.push(text);
      if (bodies.length > 100) bodies.shift();
      const body = JSON.parse(text) as NodeRequest | NodeRequest[];
      const first = Array.isArray(body) ? body[0]?.method : body.method;
      if (first === "die") {
        res.writeHead(200, { "content-length": "100" });
        res.write('{"jsonrpc"');
        setTimeout(() => res.destroy(), 5);
        return;
      }
      if (first === "garbage") {
        res.end("<html>");
        return;
      }
      const send = (): void => {
        const out = Array.isArray(body)
          ? `[${body
              .filter(({ method }) => method !== "lost")
              .reverse()
              .map(answer)
              .join(",")}]`
          : answer(body);
        res.writeHead(200, { "content-type": "application/json", "content-length": String(Buffer.byteLength(out)) });
        res.end(out);
      };
      if (first === "slow") setTimeout(send, 400);
      // Long enough for others to come meanwhile, on a busy machine too.
      else if (first === "load") setTimeout(send, 1_500);
      else if (first === "never") return;
      else send();
    });
  });
  server.keepAliveTimeout = 600_000;
  server.headersTimeout = 0;
  server.requestTimeout = 0;
  return {
    server,
    answered,
    bodies,
    total: () => [...answered.values()].reduce((sum, value) => sum + value, 0),
    received: () => received,
    listen: (port = 0): Promise<number> =>
      new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port))),
    close: (): Promise<void> =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
};
