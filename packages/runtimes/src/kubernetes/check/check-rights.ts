import type { KubeClient } from "../client/client.ts";
import { type Finding, ok, wrong } from "./finding.ts";
import { type Right, rights } from "./rights.ts";

interface Review {
  status?: { allowed?: boolean };
}

const isAllowed = async (client: Pick<KubeClient, "request">, right: Right, verb: string): Promise<boolean> => {
  const [resource = "", subresource] = right.resource.split("/");
  const { status } = await client.request<Review>({
    method: "POST",
    path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    body: {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: {
        resourceAttributes: {
          group: right.group,
          resource,
          verb,
          ...(subresource === undefined ? {} : { subresource }),
        },
      },
    },
    isRepeatable: true,
  });
  return status?.allowed === true;
};

/** Each verb of the table, asked one by one, in every namespace. */
export const checkRights = async (client: Pick<KubeClient, "request">, hasEntry: boolean): Promise<Finding> => {
  const asked = rights
    .filter(({ isOfEntry }) => isOfEntry !== true || hasEntry)
    .flatMap((right) => right.verbs.map((verb) => ({ right, verb })));
  const answers = await Promise.all(
    asked.map(async ({ right, verb }) => ({ right, verb, allowed: await isAllowed(client, right, verb) })),
  );
  const missing = new Map<string, string[]>();
  for (const { right, verb, allowed } of answers)
    if (!allowed && right.isOptional !== true)
      missing.set(right.resource, [...(missing.get(right.resource) ?? []), verb]);
  if (missing.size === 0) return ok("rights", `all ${asked.length} that the worker needs`);
  const names = [...missing].map(([resource, verbs]) => `${verbs.join("/")} ${resource}`);
  return wrong(
    "rights",
    `The credential may not: ${names.slice(0, 12).join(", ")}${names.length > 12 ? ", …" : ""}.`,
    "kubectl apply -f deploy/kubernetes/rbac.yaml, and use its account or bind its ClusterRole to this one.",
  );
};
