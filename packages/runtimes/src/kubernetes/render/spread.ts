import type { V1PodDisruptionBudget, V1TopologySpreadConstraint } from "@kubernetes/client-node";
import type { Blueprint } from "@portolan/domain";
import { labelKeys, toLabels } from "../labels.ts";
import { toBudgetName, toSpreadLabel } from "../names.ts";
import type { KubernetesSettings } from "../settings.ts";
import { type Space, toNamespaceName } from "../space.ts";
import type { Rendered } from "./rendered.ts";

type Spread = Blueprint["spread"];

const groupsOf = (spread: Spread, node: string): string[] =>
  spread.filter(({ nodes }) => nodes.includes(node)).map(({ group }) => group);

/** Which groups a pod is of. A label each, so that a new member changes nothing in the others' pods. */
export const toSpreadLabels = (spread: Spread, node: string): { [key: string]: string } =>
  Object.fromEntries(groupsOf(spread, node).map((group) => [toSpreadLabel(group), "member"]));

const selectorOf = (placement: Space, group: string) => ({
  matchLabels: { [labelKeys.placement]: placement.placementId, [toSpreadLabel(group)]: "member" },
});

export const toSpreadConstraints = (
  placement: Space,
  spread: Spread,
  node: string,
  settings: KubernetesSettings,
): V1TopologySpreadConstraint[] =>
  groupsOf(spread, node).map((group) => ({
    maxSkew: 1,
    topologyKey: settings.spread.topologyKey,
    whenUnsatisfiable: settings.spread.isRequired ? "DoNotSchedule" : "ScheduleAnyway",
    labelSelector: selectorOf(placement, group),
  }));

/** A machine that is drained takes one of a group at a time, and one that is down already stops nobody. */
export const renderBudgets = (placement: Space, spread: Spread): Rendered<V1PodDisruptionBudget>[] =>
  spread.map(({ group }) => ({
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: {
      name: toBudgetName(group),
      namespace: toNamespaceName(placement),
      labels: toLabels(placement),
      annotations: {},
    },
    spec: { maxUnavailable: 1, unhealthyPodEvictionPolicy: "AlwaysAllow", selector: selectorOf(placement, group) },
  }));
