import { DomainError } from "@portolan/domain";
import { type Failure, NodeFailure } from "../node-failure.ts";
import { KubeError } from "./client/kube-error.ts";

interface Rule {
  pattern: RegExp;
  failure: Failure;
  /** Group of the pattern that is said in the message's place of `%`. */
  group?: number;
}

const rules: readonly Rule[] = [
  {
    pattern: /exceeded quota: ([\w.-]+)/,
    group: 1,
    failure: {
      reason: "quota_exceeded",
      message: "A quota of the cluster (%) refuses the node.",
      hint: "Raise the quota on the chain's namespace, or choose a smaller plan; it is tried again by itself.",
    },
  },
  {
    pattern: /violates PodSecurity "?([\w:.-]+)/,
    group: 1,
    failure: {
      reason: "pod_security_refused",
      message: "The cluster's Pod Security (%) refuses the node's pod.",
      hint: "Lower the region's podSecurity setting, or mend the policy of the cluster.",
    },
  },
  {
    pattern: /failed calling webhook "?([\w.-]+)/,
    group: 1,
    failure: {
      reason: "admission_unavailable",
      message: "An admission webhook of the cluster (%) does not answer, and nothing is let in without it.",
      hint: "Mend that webhook's service, or take its configuration away; it is tried again by itself.",
    },
  },
  {
    pattern: /admission webhook "?([\w.-]+)"? denied the request/,
    group: 1,
    failure: {
      reason: "admission_refused",
      message: "An admission webhook of the cluster (%) refuses the node.",
      hint: "Let the chain's namespace through in that webhook's policy; it is tried again by itself.",
    },
  },
  {
    pattern: /ValidatingAdmissionPolicy '?([\w.-]+)'?/,
    group: 1,
    failure: {
      reason: "admission_refused",
      message: "An admission policy of the cluster (%) refuses the node.",
      hint: "Let the chain's namespace through in that policy; it is tried again by itself.",
    },
  },
  {
    pattern: /(maximum|minimum) (cpu|memory|storage)[\w ]* usage per/i,
    group: 2,
    failure: {
      reason: "limit_range_refused",
      message: "A limit range of the cluster (%) refuses the node.",
      hint: "Take the foreign limit range off the chain's namespace, or choose another plan.",
    },
  },
  {
    pattern: /is being terminated/,
    failure: {
      reason: "namespace_terminating",
      message: "The chain's namespace is being removed.",
      hint: "It is made anew once it is gone; kubectl describe namespace says what holds it.",
    },
  },
];

/** The cluster's words as a reason, where they are known ones. */
export const findRefusal = (text: string): Failure | undefined => {
  for (const { pattern, failure, group } of rules) {
    const found = pattern.exec(text);
    if (!found) continue;
    const name = group === undefined ? "" : (found[group] ?? "");
    return { ...failure, message: failure.message.replace("%", name) };
  }
  return undefined;
};

/** An error of one node's objects as its reason; `undefined` where it is none of the node's own. */
export const toNodeFailure = (error: unknown): Failure | undefined => {
  if (error instanceof NodeFailure) return error.failure;
  if (!(error instanceof KubeError)) return undefined;
  const known = findRefusal(error.message);
  if (known) return known;
  if (error.status === 422 || error.status === 400) {
    return {
      reason: "object_refused",
      message: "The cluster takes one of the node's objects for invalid.",
      hint: "The worker's log has the cluster's own words; its version may be too old.",
    };
  }
  if (error.status === 403) {
    return {
      reason: "rights_missing",
      message: "The worker may not write one of the node's objects in the cluster.",
      hint: "portolan regions check names the right that is missing.",
    };
  }
  return undefined;
};

/** A node's failure as what a call throws, where it is not one node's alone. */
export const toThrown = (failure: Failure, cause?: unknown): DomainError =>
  new DomainError({
    code: "runtime.failed",
    message: failure.message,
    ...(failure.hint === undefined ? {} : { hint: failure.hint }),
    detail: cause instanceof Error ? cause.message.slice(0, 2000) : failure.reason,
    retryable: true,
    ...(cause === undefined ? {} : { cause }),
  });
