import { connect as connectTcp } from "node:net";
import type { KubernetesSettings } from "../settings.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";
import { openPort } from "./trial-objects.ts";

const dial = (host: string, port: number): Promise<string | undefined> =>
  new Promise((resolve) => {
    const socket = connectTcp({ host, port, timeout: 5_000 });
    const end = (problem?: string): void => {
      socket.destroy();
      resolve(problem);
    };
    socket.once("connect", () => end());
    socket.once("timeout", () => end("ETIMEDOUT"));
    socket.once("error", (error) => end("code" in error ? String(error.code) : error.message));
  });

/** Whether this machine reaches a node as the worker and the gateway will. */
export const checkReach = async (
  settings: Pick<KubernetesSettings, "reach" | "clusterDomain">,
  namespace: string,
  address: string,
): Promise<Finding> => {
  const isByName = settings.reach === "dns";
  const host = isByName ? `one.${namespace}.svc.${settings.clusterDomain}` : address;
  const problem = await dial(host, openPort);
  if (problem === undefined) return ok("reach", `a node's port is reached from here (${settings.reach})`);
  if (isByName && (problem === "ENOTFOUND" || problem === "EAI_AGAIN"))
    return note(
      "reach",
      "not tried: nodes are reached by names that mean something in the cluster only, and this machine is outside",
      "Run worker and gateway in the cluster, or add the region with --reach address and a route to its services.",
    );
  return wrong(
    "reach",
    `A node's port is not reached from here (${host}: ${problem}).`,
    isByName
      ? "Look at the settings' peers (--from): this machine's packets must come from there."
      : "Set a route to the cluster's service network, and --from to where this machine's packets come from.",
  );
};
