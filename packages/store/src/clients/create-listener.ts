import pg from "pg";

export interface ListenerOptions {
  url: string;
  /** Called for each notification; must not throw. */
  onNotify: (channel: string, payload: string) => void;
  /** Called each time it listens again after a gap: what was notified meanwhile is lost, so look for yourself. */
  onReconnect?: () => void;
  log?: (line: string) => void;
  applicationName?: string;
}

export interface Listener {
  /** Resolves when Postgres listens on it; while the connection is away, when the statement is kept for its return. */
  listen(channel: string): Promise<void>;
  close(): Promise<void>;
}

const shortestPauseMs = 50;
const longestPauseMs = 5_000;
/** A connection that died without a word (a firewall, a sleeping laptop) is noticed within this time. */
const heartbeatMs = 15_000;

/**
 * One connection that LISTENs, and comes back by itself. Notifications are hints: nothing may depend on one arriving.
 * Connects at the first `listen`.
 */
export function createListener(options: ListenerOptions): Listener {
  const channels = new Set<string>();
  const log = options.log ?? (() => undefined);
  let client: pg.Client | undefined;
  let opening: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let heartbeat: NodeJS.Timeout | undefined;
  let pauseMs = shortestPauseMs;
  let hasListened = false;
  let isClosed = false;

  async function open(): Promise<void> {
    const made = new pg.Client({
      connectionString: options.url,
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
      keepAlive: true,
      application_name: options.applicationName ?? "portolan-listener",
    });
    made.on("error", () => lose(made));
    made.on("end", () => lose(made));
    made.on("notification", ({ channel, payload }) => options.onNotify(channel, payload ?? ""));
    try {
      await made.connect();
      for (const channel of channels) await made.query(`listen ${made.escapeIdentifier(channel)}`);
    } catch (error) {
      await made.end().catch(() => undefined);
      throw error;
    }
    if (isClosed) return made.end();
    client = made;
    pauseMs = shortestPauseMs;
    heartbeat = setInterval(() => made.query("select 1").catch(() => lose(made)), heartbeatMs).unref();
    if (hasListened) options.onReconnect?.();
    hasListened = true;
  }

  function lose(lost: pg.Client): void {
    if (client !== lost) return;
    client = undefined;
    clearInterval(heartbeat);
    lost.end().catch(() => undefined);
    if (isClosed) return;
    log("lost the connection to Postgres that listens; connecting again");
    retryLater();
  }

  function retryLater(): void {
    clearTimeout(timer);
    if (isClosed) return;
    timer = setTimeout(() => connect().catch(retryLater), pauseMs);
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
  }

  function connect(): Promise<void> {
    opening ??= open().finally(() => {
      opening = undefined;
    });
    return opening;
  }

  return {
    async listen(channel) {
      channels.add(channel);
      const isOpening = opening;
      if (isOpening !== undefined) await isOpening.catch(() => undefined);
      if (client === undefined) {
        if (hasListened) return;
        await connect().catch((error: unknown) => {
          hasListened = true;
          retryLater();
          log(`Postgres does not answer yet: ${error instanceof Error ? error.message : "unknown"}`);
        });
        return;
      }
      await client.query(`listen ${client.escapeIdentifier(channel)}`);
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      clearInterval(heartbeat);
      await opening?.catch(() => undefined);
      const last = client;
      client = undefined;
      await last?.end().catch(() => undefined);
    },
  };
}
