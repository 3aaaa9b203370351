import { mkdirSync } from "node:fs";
import type { AddressInfo, Server } from "node:net";
import { join } from "node:path";
import type { EdgePort } from "@portolan/contract";
import { type Clock, createIdSource, type Random } from "@portolan/domain";
import { createMetrics, type Logger, type Metrics } from "@portolan/kit";
import { type Metering, openMetering } from "@portolan/metering";
import { createDirectory } from "./edge/directory.ts";
import { createFollower } from "./edge/follower.ts";
import { createPartKeys } from "./edge/part-keys.ts";
import { createRouteArrivals } from "./edge/route-arrivals.ts";
import { createAdmission, type FrameworkTable } from "./pipeline/admission.ts";
import { createHttpNodes } from "./pipeline/http-nodes.ts";
import { createRequestLog } from "./pipeline/request-log.ts";
import { createSnapshotBound } from "./pipeline/snapshot-bound.ts";
import { createStateLoadBound } from "./pipeline/state-load-bound.ts";
import { createUnreadBytes } from "./pipeline/unread-bytes.ts";
import { createUpstreamTable } from "./pipeline/upstream-table.ts";
import { createGrpcListener, type GrpcSettings } from "./protocols/grpc-listener.ts";
import { createHttp } from "./protocols/http.ts";
import { createJsonRpc } from "./protocols/json-rpc.ts";
import { createNodeSessions } from "./protocols/node-sessions.ts";
import { createRest } from "./protocols/rest.ts";
import { createStreamProtocol } from "./protocols/stream.ts";
import { createGatewayServer } from "./server.ts";

export interface GatewayDeps {
  port: EdgePort;
  frameworks: FrameworkTable;
  log: Logger;
  clock: Clock;
  random: Random;
  /** Where its own are registered. */
  metrics?: Metrics;
}

export interface GatewaySettings {
  /** Slug of the region that this gateway serves. */
  region: string;
  /** Holds the spool and the last snapshot; made when missing. */
  dir: string;
  host: string;
  /** 0: any free one. */
  httpPort: number;
  /** Absent: no stream listener. */
  streamPort?: number;
  /** Absent: no gRPC listener. */
  grpc?: GrpcSettings;
  windowMs?: number;
  tickMs?: number;
  /** Until what is in flight is cut at a stop. */
  drainMs?: number;
  resyncMs?: number;
  /** Until a caller over HTTP is cut that doesn't read its answer. */
  stalledMs?: number;
  /** Of answers that callers don't read; over it those that read slowest are cut. More than one answer may have. */
  unreadBytes?: number;
}

const usualUnreadBytes = 256 * 1024 * 1024;

export interface Gateway {
  /** Opens the listeners; answers their ports. */
  start(): Promise<{ port: number; streamPort?: number; grpcPort?: number }>;
  /** Fails readiness, stops accepting, finishes what is in flight, seals and ships the spool. Once. */
  stop(): Promise<void>;
  readonly metering: Pick<Metering, "shipAll">;
}

const listen = (server: Server, port: number, host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, 1_024, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });

const closed = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
  });

/** Wires the gateway of one region. Throws when another process has its spool. */
export const buildGateway = (deps: GatewayDeps, settings: GatewaySettings): Gateway => {
  const { port, frameworks, log, clock, random, metrics = createMetrics() } = deps;
  const { region, dir, host, windowMs, tickMs, resyncMs, stalledMs, drainMs = 10_000 } = settings;
  const { unreadBytes = usualUnreadBytes } = settings;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const ids = createIdSource({ clock, random });
  const epoch = `${clock
    .now()
    .toISOString()
    .replace(/[^0-9TZ]/g, "")}-${Buffer.from(random.bytes(6)).toString("hex")}`;
  const metering = openMetering({
    dir: join(dir, "spool"),
    source: `gateway:${region}`,
    epoch,
    clock,
    port,
    log,
    ...(windowMs === undefined ? {} : { windowMs }),
    ...(tickMs === undefined ? {} : { tickMs }),
  });
  const { meter } = metering;
  const directory = createDirectory();
  const upstreams = createUpstreamTable({ protocol: "json-rpc", directory, port, log });
  const admission = createAdmission({ directory, frameworks, meter, wake: upstreams.wake });
  const requests = createRequestLog({ port, log });
  const follower = createFollower({
    port,
    region,
    directory,
    file: join(dir, "snapshot.json"),
    log,
    ...(resyncMs === undefined ? {} : { resyncMs }),
  });
  const snapshots = createSnapshotBound();
  directory.listen({
    onAccessChange: () => undefined,
    onRoute: (next, previous) => {
      // Whatever closed the route, the node that opens it again is another process, without the old one's snapshots.
      const isReopened =
        next?.route.state === "open" && (previous?.isSuspect === true || previous?.route.state !== "open");
      if (isReopened) snapshots.forget(next.route.chainId);
    },
  });
  let isDraining = false;
  const unread = createUnreadBytes({ budgetBytes: unreadBytes, metrics, log });
  const sessions = createNodeSessions({ protocols: ["grpc", "rest"], log });
  directory.listen(sessions.listener);
  const nextRequestId = (): string => ids.next("request");
  const partKeys = createPartKeys({ port, region });
  directory.listen(partKeys.listener);
  const grpc =
    settings.grpc === undefined
      ? null
      : createGrpcListener(
          {
            ...{
              admission,
              meter,
              requests,
              sessions,
              unread,
              directory,
              clock,
              random,
              log,
              dir,
              host,
              nextRequestId,
            },
            isDraining: () => isDraining,
          },
          settings.grpc,
        );
  const rest = createRest({
    ...{ admission, meter, requests, sessions, unread, partKeys, clock, log, nextRequestId },
    isDraining: () => isDraining,
  });
  directory.listen(rest.listener);
  const httpNodes = createHttpNodes({ protocol: "http", directory });
  directory.listen(httpNodes.listener);
  const http = createHttp({
    ...{ admission, meter, requests, nodes: httpNodes, log, nextRequestId },
    isDraining: () => isDraining,
    onUnreached: (chainId) => upstreams.wake(chainId, "suspect"),
  });
  directory.listen(http.listener);
  const arrivals = createRouteArrivals();
  directory.listen(arrivals.listener);
  const server = createGatewayServer({
    admission,
    arrivals,
    protocols: {
      "json-rpc": createJsonRpc({ meter, upstreams, requests, snapshots, stateLoads: createStateLoadBound() }),
    },
    isReady: () => follower.hasSnapshot && meter.isAccepting && !isDraining,
    isDraining: () => isDraining,
    nextRequestId,
    rest,
    http,
    authorityPem: () => grpc?.authorityPem() ?? null,
    unread,
    metrics,
    log,
    ...(stalledMs === undefined ? {} : { stalledMs }),
  });
  const streams = settings.streamPort === undefined ? null : createStreamProtocol({ admission, meter, log });
  if (streams !== null) directory.listen(streams.listener);
  streams?.server.on("connection", (socket) => unread.watch(socket, () => socket.destroy()));
  const shipping = setInterval(() => {
    void requests.ship();
    // Expiry is the one end of a right that nobody announces.
    streams?.listener.onAccessChange();
    grpc?.recheck();
    rest.listener.onAccessChange();
    http.listener.onAccessChange();
  }, 1_000);
  shipping.unref();

  const stop = async (): Promise<void> => {
    isDraining = true;
    clearInterval(shipping);
    const drained = Promise.all([
      closed(server),
      streams === null ? undefined : closed(streams.server),
      grpc?.stop(drainMs),
    ]);
    server.closeIdleConnections();
    streams?.endAll();
    rest.endAll();
    http.endAll();
    const cut = setTimeout(() => server.closeAllConnections(), drainMs);
    await drained;
    clearTimeout(cut);
    unread.close();
    await follower.stop();
    await upstreams.close();
    await httpNodes.close();
    sessions.close();
    await requests.ship();
    await metering.close();
  };
  let stopping: Promise<void> | undefined;
  return {
    metering,
    start: async () => {
      const { from } = await follower.start();
      log.info({ from, region }, "the gateway has its snapshot");
      const httpPort = await listen(server, settings.httpPort, host);
      return {
        port: httpPort,
        ...(streams === null ? {} : { streamPort: await listen(streams.server, settings.streamPort ?? 0, host) }),
        ...(grpc === null ? {} : { grpcPort: await grpc.start() }),
      };
    },
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
};
