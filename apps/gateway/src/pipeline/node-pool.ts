import type { NodeAddress } from "./node-address.ts";
import { type ConnectionOwner, NodeConnection, type NodeRequest } from "./node-connection.ts";

export interface NodePoolSettings {
  address: NodeAddress;
  maxConnections: number;
  /** Calls in flight and waiting together. */
  maxCalls: number;
  maxAnswerBytes: number;
  connectMs: number;
  /** The node ended a connection, broke the protocol, or (`wasOpen` is false) can't be reached. */
  onTrouble(cause: string, wasOpen: boolean): void;
  /** Monotonic milliseconds. */
  now(): number;
}

export interface NodePool {
  /**
   * `body`: latin1 text of its bytes. `head`: what stands before its length, where that is not the address' own.
   * `false`: too many calls wait; nothing was sent.
   */
  send(body: string, call: NodeRequest, head?: string): boolean;
  /** Gives up what is late: calls, attempts to connect, idle connections that the node is about to end. */
  sweep(nowMs: number): void;
  /** Calls that wait are lost; those in flight go on. */
  dropWaiting(): void;
  /** Lets calls end, then the connections. Nothing more may be sent. */
  close(): Promise<void>;
  /** Ends everything now. */
  destroy(): void;
}

interface WaitingCall {
  request: string;
  call: NodeRequest;
}

/** In order of arrival; nothing is kept of what has left. */
class Waiting {
  #items: (WaitingCall | undefined)[] = [];
  #first = 0;

  get size(): number {
    return this.#items.length - this.#first;
  }

  get first(): WaitingCall | undefined {
    return this.#items[this.#first];
  }

  push(request: string, call: NodeRequest): void {
    this.#items.push({ request, call });
  }

  shift(): WaitingCall | undefined {
    const found = this.#items[this.#first];
    if (found === undefined) return undefined;
    this.#items[this.#first] = undefined;
    this.#first += 1;
    if (this.#first === this.#items.length || this.#first === 1_024) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return found;
  }
}

/** A bounded number of connections to one node; calls beyond it wait in order. */
export const createNodePool = (settings: NodePoolSettings): NodePool => {
  const { address, maxConnections, maxCalls, maxAnswerBytes, connectMs, onTrouble, now } = settings;
  const connections = new Set<NodeConnection>();
  /** The last one used is used first: what is not needed stays idle. */
  const idle: NodeConnection[] = [];
  const waiting = new Waiting();
  let connecting = 0;
  let closing: (() => void) | null = null;

  const endIfIdle = (): void => {
    if (closing === null || waiting.size > 0 || connections.size > idle.length + connecting) return;
    const done = closing;
    closing = null;
    for (const connection of connections) connection.end();
    done();
  };
  const dropWaiting = (): void => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) next.call.lost("unsent");
    endIfIdle();
  };
  const open = (): void => {
    while (connecting < waiting.size && connections.size < maxConnections) {
      connecting += 1;
      connections.add(new NodeConnection(address, maxAnswerBytes, owner, now));
    }
  };
  const onFree = (connection: NodeConnection): void => {
    const next = waiting.shift();
    if (next !== undefined) {
      connection.send(next.request, next.call);
      return;
    }
    idle.push(connection);
    endIfIdle();
  };
  const owner: ConnectionOwner = {
    onFree,
    onOpen: (connection) => {
      connecting -= 1;
      onFree(connection);
    },
    onGone: (connection, cause) => {
      connections.delete(connection);
      const place = idle.indexOf(connection);
      if (place !== -1) idle.splice(place, 1);
      if (!connection.isOpen) connecting -= 1;
      if (cause !== null) onTrouble(cause, connection.isOpen);
      // A node that can't be reached takes none of those that wait.
      if (cause !== null && !connection.isOpen) dropWaiting();
      open();
      endIfIdle();
    },
  };
  const takeIdle = (): NodeConnection | undefined => {
    for (let found = idle.pop(); found !== undefined; found = idle.pop()) {
      if (found.idleUntilMs === Infinity || found.idleUntilMs > now()) return found;
      found.end();
    }
    return undefined;
  };

  return {
    send: (body, call, head = address.head) => {
      if (connections.size - idle.length - connecting + waiting.size >= maxCalls) return false;
      const request = `${head}${body.length}\r\n\r\n${body}`;
      const connection = takeIdle();
      if (connection === undefined) {
        waiting.push(request, call);
        open();
      } else connection.send(request, call);
      return true;
    },
    sweep: (nowMs) => {
      for (let next = waiting.first; next !== undefined && next.call.deadlineMs <= nowMs; next = waiting.first) {
        waiting.shift();
        next.call.expired();
      }
      for (const connection of connections) {
        const { call } = connection;
        if (call !== null && call.deadlineMs <= nowMs) {
          connection.abandon();
          call.expired();
        } else if (!connection.isOpen && nowMs - connection.openedMs >= connectMs) connection.giveUp();
        else if (call === null && connection.isOpen && connection.idleUntilMs <= nowMs) connection.end();
      }
      endIfIdle();
    },
    dropWaiting,
    close: () =>
      new Promise((resolve) => {
        closing = resolve;
        endIfIdle();
      }),
    destroy: () => {
      // First those that wait: a connection that ends makes room for them.
      dropWaiting();
      for (const connection of connections) connection.end();
    },
  };
};
