import { type Finding, ok, wrong } from "./finding.ts";

/** What `probeScript` says. */
export interface ProbeResult {
  seen: { [name: string]: boolean };
  named: boolean | null;
  written: boolean | null;
}

/** What the pods of a trial saw, against what the policies say. */
export const judgeNetwork = (one: ProbeResult | undefined, two: ProbeResult | undefined): Finding => {
  const check = "network";
  if (one === undefined || two === undefined)
    return wrong(
      check,
      "The trial's pods say nothing.",
      "Look at their logs' way: kubelets must be reachable from the API server.",
    );
  if (two.seen["open"] !== true)
    return wrong(
      check,
      "A connection between two pods that a policy allows does not come about.",
      "Look at the cluster's network plugin and its services (kube-proxy).",
    );
  const passed = [
    ...(two.seen["closed"] === true ? ["into a pod whose policy forbids it"] : []),
    ...(one.seen["out"] === true ? ["out of a pod whose policy forbids it"] : []),
  ];
  if (passed.length === 0)
    return ok(check, "policies are enforced: what is allowed passes, what is not is refused, in and out");
  return wrong(
    check,
    `Network policies are not enforced: a connection went ${passed.join(" and ")}.`,
    "Use a network plugin that enforces them (Calico, Cilium, …): chains of different tenants would reach each other.",
  );
};
