import { type Blueprint, DomainError, decodeRegistryLogin, type RegistryLogin, toRegistryKeys } from "@portolan/domain";
import type { SecretSource } from "../../runtime.ts";
import type { KubeObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { toLabels } from "../labels.ts";
import { sharedNames } from "../names.ts";
import { ensure, forgetApplied } from "./ensure.ts";

type Registries = NonNullable<Blueprint["registries"]>;

const name = sharedNames.pullSecret;
const entry = `${kinds.Secret.kind}/${name}`;

/** As `docker login` writes them; kubelet finds the entry by the registry that an image's name begins with. */
const toDockerConfig = (logins: ReadonlyMap<string, RegistryLogin>): string => {
  const auths = [...logins].map(([host, { username, password }]) => {
    const auth = Buffer.from(`${username}:${password}`, "utf8").toString("base64");
    return [host, { username, password, auth }] as const;
  });
  return JSON.stringify({ auths: Object.fromEntries(auths) });
};

/** Those that can be had: one that was replaced since the blueprint was made is with the next blueprint. */
const openLogins = (
  registries: Registries,
  secrets: Pick<SecretSource, "secret">,
): { logins: Map<string, RegistryLogin>; opened: Registries } => {
  const logins = new Map<string, RegistryLogin>();
  for (const { host, credential } of registries) {
    try {
      logins.set(host, decodeRegistryLogin(secrets.secret(credential)));
    } catch (error) {
      if (!(error instanceof DomainError) || error.code !== "material.failed") throw error;
    }
  }
  return { logins, opened: registries.filter(({ host }) => logins.has(host)) };
};

/**
 * Lays the app's credentials for registries where its own images are pulled, and nowhere else. One object that is
 * changed in place, and there with nothing in it too: pods refer to it from their start, and kubelet reads it at each
 * pull, so that other credentials restart nothing. Gives its `Kind/name`.
 */
export const layRegistrySecret = async (
  turn: WriteTurn,
  { registries = [] }: Pick<Blueprint, "registries">,
  secrets: Pick<SecretSource, "secret">,
): Promise<string> => {
  if (!turn.state.objects.includes(entry)) turn.state.objects.push(entry);
  const { logins, opened } = openLogins(registries, secrets);
  await ensure(turn, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: turn.namespace, labels: toLabels(turn.placement) },
    type: "kubernetes.io/dockerconfigjson",
    data: { ".dockerconfigjson": Buffer.from(toDockerConfig(logins), "utf8").toString("base64") },
  } as KubeObject);
  turn.state.registries = toRegistryKeys({ registries: opened });
  return entry;
};

/** Takes them away: nobody follows what becomes of them while nothing is to run. */
export const liftRegistrySecret = async (turn: WriteTurn): Promise<void> => {
  if (!turn.state.objects.includes(entry)) return;
  const found = await turn.objects.get(kinds.Secret, turn.namespace, name);
  if (found) {
    await turn.step(`${entry}.delete`);
    await turn.objects.remove(kinds.Secret, found);
  }
  forgetApplied(turn, kinds.Secret, name);
  turn.state.objects = turn.state.objects.filter((one) => one !== entry);
  delete turn.state.registries;
  await turn.save();
};
