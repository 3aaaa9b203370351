import { redact } from "./redact.ts";

/** Throws or answers false when what it checks is not usable. */
export type Check = () => unknown;

export interface HealthReport {
  ready: boolean;
  checks: { name: string; ok: boolean; message?: string }[];
}

export interface Health {
  addCheck(name: string, check: Check): void;
  /** Start-up done, or a shutdown begun. */
  setReady(isReady: boolean): void;
  /** True as long as the process can answer at all. */
  live(): boolean;
  /** Runs all checks at once, each bounded. Never throws. */
  report(): Promise<HealthReport>;
}

const runCheck = async (name: string, check: Check, timeoutMs: number): Promise<HealthReport["checks"][number]> => {
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    });
    const answer = await Promise.race([(async () => check())(), late]);
    return { name, ok: answer !== false };
  } catch (error) {
    return { name, ok: false, message: redact(error instanceof Error ? error.message : "failed") };
  } finally {
    clearTimeout(timer);
  }
};

/** State behind `/healthz` and `/readyz`. `timeoutMs` bounds each check; 1 s unless told. */
export const createHealth = ({ timeoutMs = 1_000 }: { timeoutMs?: number } = {}): Health => {
  const checks = new Map<string, Check>();
  let isReady = false;
  return {
    addCheck: (name, check) => {
      checks.set(name, check);
    },
    setReady: (value) => {
      isReady = value;
    },
    live: () => true,
    report: async () => {
      const results = await Promise.all([...checks].map(([name, check]) => runCheck(name, check, timeoutMs)));
      return { ready: isReady && results.every(({ ok }) => ok), checks: results };
    },
  };
};
