import { request } from "node:http";
import { isSame } from "@portolan/kit";
import { readLock } from "../up/instance-lock.ts";
import { holderOf } from "../up/ports.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";

export interface PlaneState {
  pid: number;
  api: string | undefined;
  gateway: string | undefined;
}

/** The instance that runs in this home, by its lock. */
export const findPlane = (lockFile: string): PlaneState | undefined => {
  const lock = readLock(lockFile);
  if (lock === undefined || !isSame(lock)) return undefined;
  return { pid: lock.pid, api: lock.api, gateway: lock.gateway };
};

export const checkPort = (use: string, port: number, variable: string): Finding => {
  if (port === 0) return ok(use, "any free port");
  const holder = holderOf(port);
  if (holder === undefined) return ok(use, `port ${port} is free`);
  return wrong(
    use,
    `Port ${port} is taken by ${holder.name} (pid ${holder.pid}).`,
    `Stop it, or set ${variable} to another port (0: any free one).`,
  );
};

interface Answer {
  status: number;
  date: string | undefined;
  tookMs: number;
}

const ask = (url: string): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const call = request(url, { timeout: 3_000 }, (response) => {
      response.resume();
      resolve({
        status: response.statusCode ?? 0,
        date: response.headers.date,
        tookMs: Math.round(performance.now() - startedAt),
      });
    });
    call.once("timeout", () => call.destroy(new Error("no answer in 3 s")));
    call.once("error", reject);
    call.end();
  });

/** An answer of any status shows that it is reached; one of the 500s that it is unwell. */
export const checkReachable = async (name: string, url: string, logFile: string): Promise<Finding> => {
  try {
    const answer = await ask(url);
    if (answer.status < 500) return ok(name, `${url} answers in ${answer.tookMs} ms`);
    return wrong(name, `${url} answers ${answer.status}.`, `Its log says why: ${logFile}`);
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown";
    return wrong(name, `${url} does not answer (${why}).`, `Its log says why: ${logFile}`);
  }
};

const allowedSkewMs = 30_000;

/** Our clock against the API's: tokens and invoices depend on it. */
export const checkClock = async (api: string, now: () => number): Promise<Finding> => {
  const answer = await ask(api).catch(() => undefined);
  if (answer?.date === undefined) return note("clock", "not compared: the API gave no date");
  const skewMs = Math.abs(Date.parse(answer.date) - now());
  if (skewMs <= allowedSkewMs) return ok("clock", `within ${Math.ceil(skewMs / 1000)} s of the API's`);
  return wrong("clock", `${Math.round(skewMs / 1000)} s away from the API's.`, "Switch time synchronisation on (NTP).");
};
