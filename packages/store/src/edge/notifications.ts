import { createListener } from "../clients/create-listener.ts";

export interface WorkHint {
  placementId?: string;
  chainId?: string;
  region?: string;
  logRequest?: true;
  partKeyRequest?: true;
}

export interface EdgeHint {
  /** `partKey`: a gateway's own question was answered. */
  kind: "app" | "key" | "route" | "partKey";
  id: string;
}

/** `null`: notifications may have been missed; look for yourself. */
type Callback<T> = (payload: T | null) => void;

export interface Notifications {
  onWork(callback: Callback<WorkHint>): () => void;
  onEdge(callback: Callback<EdgeHint>): () => void;
  onOperation(callback: Callback<string>): () => void;
  onLog(callback: Callback<string>): () => void;
  start(): Promise<void>;
  close(): Promise<void>;
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

/** One listening connection per process, shared by everything in it that waits for a change. */
export const createNotifications = (deps: {
  url: string;
  channels: readonly ("work" | "edge" | "operation" | "log")[];
  log?: (line: string) => void;
}): Notifications => {
  const callbacks = {
    portolan_work: new Set<Callback<WorkHint>>(),
    portolan_edge: new Set<Callback<EdgeHint>>(),
    portolan_operation: new Set<Callback<string>>(),
    portolan_log: new Set<Callback<string>>(),
  };
  const tellAll = () => {
    for (const set of Object.values(callbacks)) for (const callback of set) callback(null);
  };
  const listener = createListener({
    url: deps.url,
    onReconnect: tellAll,
    ...(deps.log === undefined ? {} : { log: deps.log }),
    onNotify: (channel, payload) => {
      if (channel === "portolan_work")
        for (const callback of callbacks.portolan_work) callback(parse(payload) as WorkHint | null);
      if (channel === "portolan_edge")
        for (const callback of callbacks.portolan_edge) callback(parse(payload) as EdgeHint | null);
      if (channel === "portolan_operation") for (const callback of callbacks.portolan_operation) callback(payload);
      if (channel === "portolan_log") for (const callback of callbacks.portolan_log) callback(payload);
    },
  });
  const subscribe = <T>(set: Set<Callback<T>>, callback: Callback<T>) => {
    set.add(callback);
    return () => {
      set.delete(callback);
    };
  };
  return {
    onWork: (callback) => subscribe(callbacks.portolan_work, callback),
    onEdge: (callback) => subscribe(callbacks.portolan_edge, callback),
    onOperation: (callback) => subscribe(callbacks.portolan_operation, callback),
    onLog: (callback) => subscribe(callbacks.portolan_log, callback),
    start: async () => {
      for (const channel of deps.channels) await listener.listen(`portolan_${channel}`);
    },
    close: () => listener.close(),
  };
};
