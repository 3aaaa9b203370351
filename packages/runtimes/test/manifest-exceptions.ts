/** A rule that our manifests don't keep, and why that is right. Nothing else may break one. */
export interface ManifestException {
  /** kube-score's id of the check. */
  rule: string;
  reason: string;
}

export const manifestExceptions: readonly ManifestException[] = [
  {
    rule: "container-image-pull-policy",
    reason:
      "Images are named by digest, which never means another image: asking the registry at each start would only keep nodes from starting while it is down. An image by tag is a finding of the region's check.",
  },
  {
    rule: "container-security-context-user-group-id",
    reason:
      "The user is the blueprint's (1000, as in the images that are run). Nobody else is in the pod, and its volumes are its own.",
  },
  {
    rule: "pod-probes",
    reason:
      "It wants a liveness probe, which kills a program that does not answer. A ledger that is slow is not mended by a restart; what hangs is reported on the chain.",
  },
  {
    rule: "statefulset-has-servicename",
    reason:
      "The rule wants a headless service. A node's address must stay the same while its pod is away and comes back, so its service has an address of its own; one pod needs no name per pod.",
  },
];
