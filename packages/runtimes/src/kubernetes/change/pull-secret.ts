import type { KubeObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { toThrown } from "../failure.ts";
import { toLabels } from "../labels.ts";
import { sharedNames } from "../names.ts";
import { ensure } from "./ensure.ts";

interface SecretObject extends KubeObject {
  type?: string;
  data?: { [key: string]: string };
}

const keepMs = 60_000;
const known = new WeakMap<object, { at: number; secret: SecretObject }>();

/** Copies the operator's registry credentials into the placement's namespace: a pod can't name another's secrets. */
export const copyPullSecret = async (turn: WriteTurn): Promise<void> => {
  const { pullSecret } = turn.settings;
  if (pullSecret === undefined) return;
  const last = known.get(turn.objects);
  let secret = last && performance.now() - last.at < keepMs ? last.secret : undefined;
  if (secret === undefined) {
    secret = await turn.objects.get<SecretObject>(kinds.Secret, pullSecret.namespace, pullSecret.name);
    if (secret?.type !== "kubernetes.io/dockerconfigjson") {
      throw toThrown({
        reason: "pull_secret_missing",
        message: "The region's registry credentials are not in the cluster, or of another kind.",
        hint: `Make the secret ${pullSecret.name} in the namespace ${pullSecret.namespace}: kubectl create secret docker-registry.`,
      });
    }
    known.set(turn.objects, { at: performance.now(), secret });
  }
  const name = sharedNames.pullSecret;
  const entry = `${kinds.Secret.kind}/${name}`;
  if (!turn.state.objects.includes(entry)) turn.state.objects.push(entry);
  await ensure(turn, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: turn.namespace, labels: toLabels(turn.placement) },
    type: secret.type,
    data: secret.data ?? {},
  } as KubeObject);
};
