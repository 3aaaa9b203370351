import { type ChildProcess, execFile, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "@portolan/testing";
import { childrenOf, cpuMicros, median } from "./cpu.ts";
import { backendConfig, proxyConfig, startNginx } from "./nginx.ts";

const run = promisify(execFile);

export interface GatewayBench {
  /** CPU microseconds a request, median over the rounds. */
  nginxMicros: number;
  gatewayMicros: number;
  nginxPerSecond: number;
  gatewayPerSecond: number;
  /** gateway ÷ nginx. */
  cpuRatio: number;
  rounds: { nginx: number; gateway: number }[];
}

export interface GatewayBenchSettings {
  rounds?: number;
  seconds?: number;
  connections?: number;
}

/** The measured process has a core for itself; load and backend share the other. */
const cores = { measured: 0, load: 1 };
const body = '{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}';

const awaitPort = async (port: number): Promise<void> => {
  for (let attempt = 0; attempt < 200; attempt++) {
    const isUp = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`nothing listens on port ${port}`);
};

const stopChild = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
};

interface Target {
  url: string;
  secret: string;
  pid: number;
}

const load = async (script: string, target: Target, connections: number, seconds: number) => {
  const before = cpuMicros(target.pid);
  const { stdout } = await run("taskset", [
    "-c",
    String(cores.load),
    "wrk",
    "-t1",
    `-c${connections}`,
    `-d${seconds}s`,
    "-s",
    script,
    target.url,
    "--",
    target.secret,
  ]);
  const micros = cpuMicros(target.pid) - before;
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? 0);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`the load saw errors:\n${stdout}`);
  return { micros: micros / requests, perSecond };
};

/**
 * CPU a request of the gateway, everything on, against nginx as a plain proxy: same fixed-reply backend, same load,
 * interleaved rounds of the same run. Needs Linux, `nginx`, `wrk` and `taskset`, and two cores.
 */
export const benchGateway = async (settings: GatewayBenchSettings = {}): Promise<GatewayBench> => {
  const { rounds = 5, seconds = 4, connections = 64 } = settings;
  const dir = mkdtempSync(join(tmpdir(), "bench-gateway-"));
  const script = join(dir, "post.lua");
  writeFileSync(
    script,
    `function init(args) wrk.method = "POST"; wrk.body = '${body}'; wrk.headers["Content-Type"] = "application/json"; wrk.headers["x-api-key"] = args[1] end\n`,
  );
  const [backendPort, proxyPort] = [await freePort(), await freePort()];
  const backend = startNginx(dir, "backend", backendConfig(dir, backendPort), cores.load);
  const proxy = startNginx(dir, "proxy", proxyConfig(dir, proxyPort, backendPort), cores.measured);
  await Promise.all([awaitPort(backendPort), awaitPort(proxyPort)]);
  const gateway = fork(join(import.meta.dirname, "gateway-child.ts"), [String(backendPort), join(dir, "gateway")], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  try {
    const [ready] = (await once(gateway, "message")) as [{ port: number; secret: string; path: string }];
    await run("taskset", ["-a", "-c", "-p", String(cores.measured), String(gateway.pid)]);
    const nginxTarget: Target = {
      url: `http://127.0.0.1:${proxyPort}${ready.path}`,
      secret: ready.secret,
      pid: childrenOf(proxy.pid ?? 0)[0] ?? 0,
    };
    const gatewayTarget: Target = {
      url: `http://127.0.0.1:${ready.port}${ready.path}`,
      secret: ready.secret,
      pid: gateway.pid ?? 0,
    };
    await load(script, nginxTarget, connections, 1);
    await load(script, gatewayTarget, connections, 3);
    const seen: { nginx: Awaited<ReturnType<typeof load>>; gateway: Awaited<ReturnType<typeof load>> }[] = [];
    for (let round = 0; round < rounds; round++) {
      seen.push({
        nginx: await load(script, nginxTarget, connections, seconds),
        gateway: await load(script, gatewayTarget, connections, seconds),
      });
    }
    const nginxMicros = median(seen.map(({ nginx }) => nginx.micros));
    const gatewayMicros = median(seen.map((round) => round.gateway.micros));
    return {
      nginxMicros,
      gatewayMicros,
      nginxPerSecond: median(seen.map(({ nginx }) => nginx.perSecond)),
      gatewayPerSecond: median(seen.map((round) => round.gateway.perSecond)),
      cpuRatio: gatewayMicros / nginxMicros,
      rounds: seen.map((round) => ({ nginx: round.nginx.micros, gateway: round.gateway.micros })),
    };
  } finally {
    await Promise.all([stopChild(gateway), stopChild(backend), stopChild(proxy)]);
    rmSync(dir, { recursive: true, force: true });
  }
};
