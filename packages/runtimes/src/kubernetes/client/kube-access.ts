import { Agent as PlainAgent } from "node:http";
import { Agent, type AgentOptions, type RequestOptions } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";
import { DomainError } from "@portolan/domain";

/** How the API server is found and who asks. `kubeconfig` is a file's path: the operator's own, never a tenant's. */
export type KubeAccessSettings = { kubeconfig: string; context?: string } | { inCluster: true };

/** The API server's address, and what each request must carry. */
export interface KubeAccess {
  readonly config: KubeConfig;
  readonly server: URL;
  /** TLS and headers, looked up again after half a minute or on `renew`: tokens are short-lived. */
  options(renew?: boolean): Promise<RequestOptions>;
  close(): void;
}

const keepMs = 30_000;

const load = (settings: KubeAccessSettings): KubeConfig => {
  const config = new KubeConfig();
  if ("inCluster" in settings) config.loadFromCluster();
  else {
    config.loadFromFile(settings.kubeconfig);
    if (settings.context !== undefined) config.setCurrentContext(settings.context);
  }
  return config;
};

const toAgent = (options: RequestOptions, isPlain: boolean, maxSockets: number): Agent | PlainAgent => {
  // Without TLS only where the kubeconfig says so itself: a proxy on this machine that has the credential.
  if (isPlain) return new PlainAgent({ keepAlive: true, maxSockets });
  const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options;
  const tls = { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername };
  const known = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
  return new Agent({ ...(known satisfies AgentOptions), keepAlive: true, maxSockets, scheduling: "fifo" });
};

/** Reads the kubeconfig; opens no connection yet. */
export const openKubeAccess = (settings: KubeAccessSettings, maxSockets = 64): KubeAccess => {
  const config = load(settings);
  const cluster = config.getCurrentCluster();
  if (!cluster) {
    throw new DomainError({
      code: "runtime.failed",
      message: "The kubeconfig names no cluster.",
      hint: "Give one with a current context, or name the context.",
    });
  }
  let known: { at: number; options: RequestOptions } | undefined;
  let agent: { key: string; agent: Agent | PlainAgent } | undefined;

  const look = async (): Promise<RequestOptions> => {
    const found: RequestOptions = {};
    await config.applyToHTTPSOptions(found);
    const { headers, auth } = found;
    const plain = { ...(headers ? { headers } : {}), ...(auth ? { auth } : {}) };
    // A proxy needs the library's own agent; else ours keeps its connections open.
    if (cluster.proxyUrl !== undefined) return { ...plain, agent: found.agent };
    const key = [found.cert, found.key, found.ca].map(String).join();
    if (agent?.key !== key) {
      agent?.agent.destroy();
      agent = { key, agent: toAgent(found, cluster.server.startsWith("http:"), maxSockets) };
    }
    return { ...plain, agent: agent.agent };
  };

  return {
    config,
    server: new URL(cluster.server),
    options: async (renew = false) => {
      const now = performance.now();
      if (known && !renew && now - known.at < keepMs) return known.options;
      known = { at: now, options: await look() };
      return known.options;
    },
    close: () => agent?.agent.destroy(),
  };
};
