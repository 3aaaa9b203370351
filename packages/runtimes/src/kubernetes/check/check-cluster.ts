import type { KubeAccessSettings } from "../client/kube-access.ts";
import { KubeError } from "../client/kube-error.ts";
import { checkEntry } from "./check-entry.ts";
import { checkRights } from "./check-rights.ts";
import { connect } from "./connect.ts";
import { checkImages, checkMemory, checkPeers, checkSnapshots, checkStorage, checkVersion } from "./facts.ts";
import { type Finding, wrong } from "./finding.ts";
import { runTrial, type TrialDeps } from "./trial.ts";

export interface ClusterCheck extends Pick<TrialDeps, "settings" | "toolsImage" | "signal" | "startMs" | "policyMs"> {
  access: KubeAccessSettings;
  /** Milliseconds since 1970; absent: this machine's clock. */
  now?: () => number;
}

/** One look that failed of itself is a finding too. */
const attempt = async (check: string, look: () => Promise<Finding | Finding[]>): Promise<Finding[]> => {
  try {
    const found = await look();
    return Array.isArray(found) ? found : [found];
  } catch (error) {
    return [toFailure(check, error)];
  }
};

const toFailure = (check: string, error: unknown): Finding => {
  const message = error instanceof Error ? error.message.slice(0, 400) : "unknown reason";
  if (error instanceof KubeError && error.status === 403)
    return wrong(check, `Forbidden: ${message}`, "kubectl apply -f deploy/kubernetes/rbac.yaml, and use its account.");
  return wrong(check, `It could not be looked at: ${message}`, "Look at the cluster, then check again.");
};

/**
 * Proves what a cluster can do before chains are put on it: what is asked of its API server first, then two pods of a
 * trial in a namespace that is gone again afterwards.
 */
export const checkCluster = async function* (input: ClusterCheck): AsyncGenerator<Finding> {
  const { settings, toolsImage } = input;
  const connection = await connect(input.access, input.now ?? Date.now);
  if (Array.isArray(connection)) {
    yield* connection;
    return;
  }
  const { client } = connection;
  try {
    yield* connection.findings;
    yield checkVersion(connection, settings);
    yield checkMemory(settings);
    yield* await attempt("rights", () => checkRights(client, settings.entry !== undefined));
    yield* await attempt("storage", () => checkStorage(client, settings));
    yield* await attempt("snapshots", () => checkSnapshots(client, settings));
    yield checkImages(settings, toolsImage);
    yield checkPeers(settings);
    yield* await attempt("entry", () => checkEntry(client, settings));
    try {
      yield* runTrial({ ...input, client });
    } catch (error) {
      yield toFailure("trial", error);
    }
  } finally {
    client.close();
  }
};
