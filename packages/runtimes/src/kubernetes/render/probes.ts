import type { V1Probe } from "@kubernetes/client-node";
import type { BlueprintNode, Probe } from "@portolan/domain";
import { toSeconds } from "./quantity.ts";
import { toRefusal } from "./refusal.ts";

/**
 * A container that does not pass its startup probe is killed. The process runtime kills nothing for being slow (a
 * ledger may take its time), it says so; here the one is the other after this long.
 */
const patienceSeconds = 1_800;
/** One lost answer of a program under load is not a change of its state. */
const missesToFall = 3;
/** A connection that opens and closes is an error in the log of a program that speaks TLS: not too often. */
const tlsPeriodSeconds = 30;

/**
 * What kubelet can do of a probe. It sends no POST, and images have no program that would: of `rpc` it only sees that
 * the port takes connections, and of `tls` too, since it has no handshake without a request in it. That the program's
 * answers are right is for the framework's `inspect` to ask.
 */
const toHandler = (probe: Probe, port: number): Pick<V1Probe, "httpGet" | "tcpSocket"> =>
  probe.kind === "http" ? { httpGet: { path: probe.path ?? "/", port, scheme: "HTTP" } } : { tcpSocket: { port } };

export interface RenderedProbes {
  startupProbe?: V1Probe;
  readinessProbe?: V1Probe;
}

/** No liveness probe: a program that hangs is reported, not killed, since a restart may cost it more than a wait. */
export const renderProbes = (node: BlueprintNode, probe: Probe | undefined): RenderedProbes => {
  if (probe === undefined) return {};
  const port = node.ports.find(({ name }) => name === probe.port);
  if (port === undefined) throw toRefusal(`The node ${node.name} is asked at a port that it has not: ${probe.port}.`);
  const handler = toHandler(probe, port.bindNumber);
  const timeoutSeconds = toSeconds(probe.timeoutMs);
  const periodSeconds = Math.max(toSeconds(probe.periodMs), probe.kind === "tls" ? tlsPeriodSeconds : 1);
  return {
    startupProbe: {
      ...handler,
      timeoutSeconds,
      periodSeconds: 1,
      failureThreshold: Math.max(patienceSeconds, 10 * toSeconds(probe.startupMs)),
    },
    readinessProbe: { ...handler, timeoutSeconds, periodSeconds, failureThreshold: missesToFall },
  };
};
