import type { Screen } from "../output.ts";
import { writeLine } from "../output.ts";
import { runFirstChain } from "./first-chain.ts";
import { openHome } from "./home.ts";
import { takeInstanceLock } from "./instance-lock.ts";
import { type Plane, startPlane } from "./plane.ts";
import { readUpSettings } from "./settings.ts";
import { listenForStop, type Stop } from "./stop-signals.ts";

export interface UpOptions {
  /** Top of the checkout. */
  root: string;
  isBare: boolean;
  isJson: boolean;
  screen: Screen;
}

const announce = (log: (line: string) => void, plane: Plane, home: string, startedAt: number): void => {
  log(`Portolan runs (ready in ${((performance.now() - startedAt) / 1000).toFixed(1)} s).`);
  log(`  API       ${plane.api}        documentation ${plane.api}/docs`);
  log(`  Gateway   ${plane.gateway}        gRPC over TLS ${plane.grpc}`);
  log(`  Data      ${home}        operator account in operator.json, logs in logs/`);
  for (const line of plane.descriptions) log(`  Runs      ${line}`);
};

/** Ready means that the plane answers; its chains come after it. */
const announceChains = async (log: (line: string) => void, plane: Plane): Promise<void> => {
  const count = await plane.countStarting().catch(() => 0);
  if (count > 0) log(`  Chains    ${count === 1 ? "1 chain is" : `${count} chains are`} being started`);
};

const firstChain = async (options: UpOptions, plane: Plane, file: string, log: (line: string) => void, stop: Stop) => {
  if (options.isBare) return;
  try {
    const chain = await runFirstChain({ api: plane.api, gateway: plane.gateway, file, log, signal: stop.signal });
    if (chain === undefined) return;
    log("Call it:");
    log(`  ${chain.curl}`);
    log(`  MetaMask, Hardhat, Foundry: ${chain.urlWithKey}`);
  } catch (error) {
    if (stop.signal.aborted) return;
    // The plane itself runs; the next start takes the chain up where it stopped.
    const { message, hint } = toSentence(error);
    log(`The first chain stopped short: ${message}${hint === undefined ? "" : ` ${hint}`}`);
  }
};

const toSentence = (error: unknown): { message: string; hint: string | undefined } => {
  const message = error instanceof Error ? error.message : "unknown reason";
  const hint = error instanceof Error && "hint" in error && typeof error.hint === "string" ? error.hint : undefined;
  return { message, hint };
};

/**
 * Runs a whole plane until it is told to stop. With `isJson`, standard output gets one line of JSON when everything is
 * ready, and nothing else.
 */
export const up = async (options: UpOptions): Promise<void> => {
  const startedAt = performance.now();
  const { screen } = options;
  const log = (line: string): void => writeLine(options.isJson ? screen.err : screen.out, line);
  const stop = listenForStop(log);
  try {
    const settings = readUpSettings(options.root);
    const home = await openHome(settings.wishedHome);
    if (home.notice !== undefined) log(home.notice);
    const lock = takeInstanceLock(home.at("up.lock"));
    try {
      const plane = await startPlane({ settings, home, log: (line) => log(`  ${line}`), signal: stop.signal }).catch(
        (error: unknown) => {
          if (stop.signal.aborted) return undefined;
          throw error;
        },
      );
      if (plane === undefined) return;
      stop.onSecond = plane.hasten;
      try {
        lock.publish({ api: plane.api, gateway: plane.gateway });
        announce(log, plane, home.path, startedAt);
        await announceChains(log, plane);
        await firstChain(options, plane, home.at("first-chain.json"), log, stop);
        if (!stop.signal.aborted) {
          if (options.isJson) {
            const ready = { api: plane.api, gateway: plane.gateway, grpc: plane.grpc, console: null, home: home.path };
            writeLine(screen.out, JSON.stringify(ready));
          } else log("Ctrl-C stops all of it.");
          await stop.whenFirst;
        }
      } finally {
        const stoppingAt = performance.now();
        await plane.stop();
        log(`Stopped in ${((performance.now() - stoppingAt) / 1000).toFixed(1)} s.`);
      }
    } finally {
      lock.release();
    }
  } finally {
    stop.dispose();
  }
};
