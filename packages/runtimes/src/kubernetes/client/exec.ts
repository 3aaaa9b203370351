import { Exec } from "@kubernetes/client-node";
import type { KubeClient } from "./client.ts";
import { KubeError, KubeSilence } from "./kube-error.ts";
import { kinds, toPath } from "./kube-paths.ts";

export interface ExecCall {
  namespace: string;
  pod: string;
  container: string;
  command: readonly string[];
  /** What the command reads, piece by piece. */
  input?: AsyncIterable<Buffer>;
  /** Each piece that the command writes; the next one waits for it. */
  onOutput: (piece: Buffer) => void | Promise<void>;
  /** Without a byte in either direction for so long, it is given up. */
  idleMs?: number;
}

/** First byte of each message (`v5.channel.k8s.io`). */
const channels = { input: 0, output: 1, errors: 2, status: 3 } as const;

const mostQueued = 4 << 20;
const mostErrors = 8 << 10;
const connectMs = 15_000;

interface StatusObject {
  status?: string;
  message?: string;
  details?: { causes?: { reason?: string; message?: string }[] };
}

const codeOf = (status: StatusObject): number => {
  if (status.status === "Success") return 0;
  const cause = status.details?.causes?.find(({ reason }) => reason === "ExitCode");
  return cause === undefined ? -1 : Number(cause.message);
};

const toUrl = (call: ExecCall): string => {
  const query = new URLSearchParams({
    container: call.container,
    stdin: String(call.input !== undefined),
    stdout: "true",
    stderr: "true",
    tty: "false",
  });
  for (const part of call.command) query.append("command", part);
  return `${toPath(kinds.Pod, { namespace: call.namespace, name: call.pod, below: "exec" })}?${query}`;
};

/** What is used of the library's socket, which comes without types of its own. */
interface Socket {
  send(data: Buffer, done: (error?: Error) => void): void;
  pause(): void;
  resume(): void;
  readonly isPaused: boolean;
  terminate(): void;
  onclose: (() => void) | null;
  onerror: ((event: { message: string }) => void) | null;
}

const connect = async (
  client: Pick<KubeClient, "access">,
  call: ExecCall,
  onFrame: (channel: number, piece: Buffer) => void,
): Promise<Socket> => {
  const opening = new Exec(client.access.config).handler.connect(toUrl(call), null, (channel, piece) => {
    onFrame(channel, piece);
    return true;
  }) as Promise<unknown> as Promise<Socket>;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new KubeSilence("exec: no answer in time")), connectMs);
  });
  try {
    return await Promise.race([opening, late]);
  } catch (error) {
    opening.then((socket) => socket.terminate()).catch(() => undefined);
    if (error instanceof KubeSilence) throw error;
    const message = error instanceof Error ? error.message : ((error as { message?: string }).message ?? "refused");
    throw new KubeSilence(`exec in ${call.pod}: ${message}`, error);
  } finally {
    clearTimeout(timer);
  }
};

/** One way through which pieces go in order, each waited for; the sender is paused while much waits. */
const createPump = (
  socket: () => Socket | undefined,
  onOutput: ExecCall["onOutput"],
  fail: (error: unknown) => void,
) => {
  let queued = 0;
  let last: Promise<void> = Promise.resolve();
  return {
    push: (piece: Buffer): void => {
      queued += piece.length;
      if (queued > mostQueued) socket()?.pause();
      last = last.then(async () => {
        try {
          await onOutput(piece);
        } catch (error) {
          fail(error);
        }
        queued -= piece.length;
        if (queued <= mostQueued / 2 && socket()?.isPaused) socket()?.resume();
      });
    },
    drained: (): Promise<void> => last,
  };
};

const send = (socket: Socket, piece: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    const frame = Buffer.concat([Buffer.of(channels.input), piece]);
    // Resolves once it is written out, so that no more than one piece waits here.
    socket.send(frame, (error) => (error ? reject(error) : resolve()));
  });

/** Runs a command in a container, with its input and output as streams. Gives its exit code and what it complained. */
export const execInPod = async (
  client: Pick<KubeClient, "access">,
  call: ExecCall,
): Promise<{ code: number; errors: string }> => {
  const { idleMs = 60_000 } = call;
  let errors = "";
  let socket: Socket | undefined;
  let hasStatus = false;
  let resolve: (code: number) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const ended = new Promise<number>((onEnd, onFailure) => {
    resolve = onEnd;
    reject = onFailure;
  });
  ended.catch(() => undefined);
  const pump = createPump(() => socket, call.onOutput, reject);
  let timer: NodeJS.Timeout | undefined;
  const touch = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => reject(new KubeSilence(`exec in ${call.pod}: nothing moves`)), idleMs);
  };
  touch();
  try {
    socket = await connect(client, call, (channel, piece) => {
      touch();
      if (channel === channels.output) pump.push(piece);
      else if (channel === channels.errors) errors = `${errors}${piece}`.slice(-mostErrors);
      else if (channel === channels.status) {
        // What follows is the connection's end; what came before may still be worked on.
        hasStatus = true;
        clearTimeout(timer);
        const code = codeOf(JSON.parse(piece.toString("utf8")) as StatusObject);
        if (code < 0) reject(new KubeError(500, "Exec", piece.toString("utf8").slice(0, 500)));
        else pump.drained().then(() => resolve(code), reject);
      }
    });
    socket.onclose = () => {
      if (!hasStatus) reject(new KubeSilence(`exec in ${call.pod}: the connection broke`));
    };
    socket.onerror = (event) => {
      if (!hasStatus) reject(new KubeSilence(`exec in ${call.pod}: ${event.message}`));
    };
    const open = socket;
    const feed = async (): Promise<void> => {
      for await (const piece of call.input ?? []) {
        await send(open, piece);
        touch();
      }
    };
    feed().catch((error: unknown) => {
      // The command's own end says more than that it did not take everything.
      if (!hasStatus) reject(error);
    });
    return { code: await ended, errors };
  } finally {
    clearTimeout(timer);
    socket?.terminate();
  }
};
