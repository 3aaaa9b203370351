import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import {
  Client,
  type ClientOptions,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
} from "@grpc/grpc-js";
import { Refusal, toRefusal } from "./refusal.ts";

/** A node's gRPC port, and by whom its certificate must be signed. */
export interface GrpcTarget {
  host: string;
  port: number;
  /** The name that its certificate is for, where that is not the host that is dialled. */
  serverName?: string;
  rootsPem: string;
}

export interface CallOptions {
  timeoutMs: number;
  signal: AbortSignal;
}

/** Fabric's own bound on a message. */
const maxMessageBytes = 104_857_600;

/** A node that is restarted is found again within moments; grpc-js waits up to two minutes by default. */
const options: ClientOptions = {
  "grpc.max_receive_message_length": maxMessageBytes,
  "grpc.max_send_message_length": maxMessageBytes,
  "grpc.initial_reconnect_backoff_ms": 50,
  "grpc.min_reconnect_backoff_ms": 50,
  "grpc.max_reconnect_backoff_ms": 1_000,
  "grpc.enable_retries": 0,
};

/** A node that is only started anew listens well within this. */
const connectMs = 10_000;

interface Kept {
  client: Client;
  timer: NodeJS.Timeout;
}

const toKey = (target: GrpcTarget): string =>
  `${target.host}:${target.port} ${target.serverName ?? ""} ${target.rootsPem}`;

/** An address can't be asked for in a handshake; every node's certificate has this name besides. */
const anyName = "localhost";

/** The certificate is checked against the node's own host, whatever name the handshake asks for. */
const open = (target: GrpcTarget): Client => {
  const expected = target.serverName ?? target.host;
  const roots = Buffer.from(target.rootsPem);
  const channel = credentials.createSsl(roots, null, null, {
    checkServerIdentity: (_name, certificate) => checkServerIdentity(expected, certificate),
  });
  return new Client(`${target.host}:${target.port}`, channel, {
    ...options,
    "grpc.ssl_target_name_override": isIP(expected) === 0 ? expected : anyName,
  });
};

/**
 * One connection per node, kept while it is used and closed after `idleMs` without a call. Nothing is opened before
 * the first call, and nothing that is kept holds a process alive.
 */
export const createGrpcClients = ({ idleMs }: { idleMs: number }) => {
  const kept = new Map<string, Kept>();

  const close = (key: string): void => {
    const found = kept.get(key);
    if (found === undefined) return;
    kept.delete(key);
    clearTimeout(found.timer);
    found.client.close();
  };

  const clientOf = (target: GrpcTarget): Client => {
    const key = toKey(target);
    const found = kept.get(key);
    if (found !== undefined) {
      found.timer.refresh();
      return found.client;
    }
    const client = open(target);
    kept.set(key, { client, timer: setTimeout(() => close(key), idleMs).unref() });
    return client;
  };

  /** True when the node's gRPC server answers a TLS handshake signed as expected, within the time. */
  const isReady = (target: GrpcTarget, timeoutMs: number): Promise<boolean> =>
    new Promise((resolve) => clientOf(target).waitForReady(Date.now() + timeoutMs, (error) => resolve(!error)));

  /**
   * One call. Waits for the connection for `connectMs` at most, whatever the call may take: a node that was killed is
   * started again only when the step that waits for it has ended. Throws `Refusal`.
   */
  const call = async <Request, Answer>(
    target: GrpcTarget,
    method: MethodDefinition<Request, Answer>,
    request: Request,
    { timeoutMs, signal }: CallOptions,
  ): Promise<Answer> => {
    const endsAt = Date.now() + timeoutMs;
    const connectsBy = Date.now() + Math.min(timeoutMs, connectMs);
    let isConnected = false;
    // In slices, so that a call that is called off ends soon.
    while (!isConnected && !signal.aborted && Date.now() < connectsBy)
      isConnected = await isReady(target, Math.min(500, connectsBy - Date.now()));
    if (!isConnected && !signal.aborted)
      throw new Refusal(`${target.host}:${target.port} can't be reached`, "UNAVAILABLE", true);
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(new Refusal("it was called off", "CANCELLED", true));
      const onAbort = (): void => running.cancel();
      const running = clientOf(target).makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        new Metadata({ waitForReady: true }),
        { deadline: endsAt },
        (error: ServiceError | null, answer?: Answer) => {
          signal.removeEventListener("abort", onAbort);
          if (error !== null) reject(toRefusal(error));
          else if (answer === undefined) reject(new Refusal("there was no answer", "INTERNAL"));
          else resolve(answer);
        },
      );
      signal.addEventListener("abort", onAbort, { once: true });
    });
  };

  /** Sends one message over a stream of its own and takes the first answer: how orderers take transactions. */
  const exchange = <Request, Answer>(
    target: GrpcTarget,
    method: MethodDefinition<Request, Answer>,
    request: Request,
    { timeoutMs, signal }: CallOptions,
  ): Promise<Answer> =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(new Refusal("it was called off", "CANCELLED", true));
      const stream = clientOf(target).makeBidiStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        new Metadata({ waitForReady: true }),
        { deadline: Date.now() + timeoutMs },
      );
      const onAbort = (): void => stream.cancel();
      const settle = (done: () => void): void => {
        signal.removeEventListener("abort", onAbort);
        done();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      stream.on("data", (answer: Answer) => {
        settle(() => resolve(answer));
        stream.end();
      });
      stream.on("error", (error: ServiceError) => settle(() => reject(toRefusal(error))));
      stream.on("end", () => settle(() => reject(new Refusal("there was no answer", "INTERNAL"))));
      stream.write(request);
    });

  return {
    isReady,
    call,
    exchange,
    /** How many connections are kept. */
    size: (): number => kept.size,
    closeAll: (): void => {
      for (const key of [...kept.keys()]) close(key);
    },
  };
};

export type GrpcClients = ReturnType<typeof createGrpcClients>;
