import { connect, createServer, type Server, type Socket } from "node:net";
import type { RouteTarget } from "@portolan/contract";
import type { Logger } from "@portolan/kit";
import type { Meter, MeterSeries } from "@portolan/metering";
import type { DirectoryListener } from "../edge/directory.ts";
import type { Grant } from "../edge/entries.ts";
import { type Admission, type Caller, isGrant } from "../pipeline/admission.ts";

/**
 * A protocol of plain bytes: the client's first line is `PTL <chain> <key>`, the gateway answers `OK` or
 * `ERR <code>`, and then bytes go both ways. Bytes are metered as `stream.bytes` before they leave; a revoked key, a
 * suspended app or a closed route ends the stream.
 */
export interface StreamDeps {
  admission: Admission;
  meter: Meter;
  log: Pick<Logger, "warn">;
  preambleMs?: number;
  idleMs?: number;
  maxStreams?: number;
  maxStreamsPerKey?: number;
}

export interface StreamProtocol {
  readonly server: Server;
  /** Ends streams that may not go on. Register it with the directory. */
  readonly listener: DirectoryListener;
  endAll(): void;
}

interface Live {
  grant: Grant;
  caller: Caller;
  end(): void;
}

const maxPreambleBytes = 256;
const protocolName = "stream";
const preamblePattern = /^PTL ([\w-]{1,64}) ([\w-]{1,128})\r?$/;

const dial = ({ via }: RouteTarget): Socket | null =>
  via.kind === "address" ? connect({ host: via.host, port: via.port, noDelay: true }) : null;

const seriesOf = (meter: Meter, { key, route: { route } }: Grant, direction: "in" | "out"): MeterSeries =>
  meter.series({
    tenantId: route.tenantId,
    appId: route.appId,
    subject: { type: "chain", id: route.chainId },
    regionId: route.regionId,
    sku: "stream.bytes",
    dims: { direction },
    keyId: key.key.id,
  });

/** Copies one way. A chunk is counted first, and leaves with its turn's record; until then nothing more is read. */
const pump = (from: Socket, to: Socket, series: MeterSeries, meter: Meter, end: () => void): void => {
  from.on("data", (chunk: Buffer) => {
    if (!meter.isAccepting) {
      end();
      return;
    }
    from.pause();
    meter.add(series, chunk.length, 0);
    meter.afterTurn({
      settle: (isRecorded) => {
        if (!isRecorded) end();
        else if (to.write(chunk)) from.resume();
        else to.once("drain", () => from.resume());
      },
    });
  });
  // A half-close follows the last chunk through the meter.
  from.on("end", () => meter.afterTurn({ settle: () => to.end() }));
};

export const createStreamProtocol = (deps: StreamDeps): StreamProtocol => {
  const {
    admission,
    meter,
    log,
    preambleMs = 5_000,
    idleMs = 600_000,
    maxStreams = 1_000,
    maxStreamsPerKey = 32,
  } = deps;
  const live = new Set<Live>();
  const perKey = new Map<string, number>();

  const open = (client: Socket, rest: Buffer, grant: Grant, caller: Caller): void => {
    const keyId = grant.key.key.id;
    const target = grant.route.route.targets[protocolName]?.[0];
    const node = target === undefined ? null : dial(target);
    if (node === null || (perKey.get(keyId) ?? 0) >= maxStreamsPerKey) {
      node?.destroy();
      client.end(`ERR ${node === null ? "node.unhealthy" : "request.rate_limited"}\n`);
      return;
    }
    perKey.set(keyId, (perKey.get(keyId) ?? 0) + 1);
    const stream: Live = {
      grant,
      caller,
      end: () => {
        if (!live.delete(stream)) return;
        const left = (perKey.get(keyId) ?? 1) - 1;
        if (left > 0) perKey.set(keyId, left);
        else perKey.delete(keyId);
        client.destroy();
        node.destroy();
      },
    };
    live.add(stream);
    for (const socket of [client, node]) {
      socket.setTimeout(idleMs, stream.end);
      socket.on("error", stream.end);
    }
    client.on("close", () => node.end());
    node.on("close", stream.end);
    node.once("connect", () => {
      client.write("OK\n");
      pump(client, node, seriesOf(meter, grant, "in"), meter, stream.end);
      pump(node, client, seriesOf(meter, grant, "out"), meter, stream.end);
      if (rest.length > 0) client.unshift(rest);
      client.resume();
    });
  };

  const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: false }, (client) => {
    let head = Buffer.alloc(0);
    const timer = setTimeout(() => client.destroy(), preambleMs);
    const onError = (): void => {
      client.destroy();
    };
    client.on("error", onError);
    client.on("close", () => clearTimeout(timer));
    const onData = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const line = head.indexOf(10);
      if (line === -1 && head.length <= maxPreambleBytes) return;
      clearTimeout(timer);
      client.off("data", onData);
      client.pause();
      const found =
        line === -1 || line > maxPreambleBytes ? null : preamblePattern.exec(head.toString("latin1", 0, line));
      if (found === null) {
        client.end("ERR request.invalid\n");
        return;
      }
      const caller: Caller = { secret: found[2], origin: undefined, address: client.remoteAddress ?? "" };
      const grant = admission.admit(protocolName, found[1] ?? "", caller);
      if (isGrant(grant)) open(client, head.subarray(line + 1), grant, caller);
      else client.end(`ERR ${grant.code}\n`);
    };
    client.on("data", onData);
  });
  server.maxConnections = maxStreams;
  server.on("error", (err) => log.warn({ err }, "the stream listener failed"));

  const recheck = (): void => {
    for (const stream of live) if (!admission.stillAdmits(stream.grant, stream.caller)) stream.end();
  };
  return {
    server,
    listener: { onRoute: () => undefined, onAccessChange: recheck },
    endAll: () => {
      for (const stream of live) stream.end();
    },
  };
};
