import { redact } from "@portolan/kit";
import type { KubeObject, PodObject } from "../client/kube-object.ts";
import { kinds, toPath } from "../client/kube-paths.ts";
import type { Context } from "../context.ts";

/** Shorter ones would mask words at random. */
const shortestSecret = 6;
const mostBytes = 4096;

interface SecretObject extends KubeObject {
  data?: { [key: string]: string };
}

/** The names of secrets that a pod's programs can see: by environment, by volume, by projection. */
const secretNames = (pod: PodObject): string[] => {
  const names = new Set<string>();
  const walk = (value: unknown, key: string): void => {
    if (typeof value !== "object" || value === null) return;
    if (key === "secretKeyRef" || key === "secret" || key === "secretRef") {
      const { name, secretName } = value as { name?: unknown; secretName?: unknown };
      for (const found of [name, secretName]) if (typeof found === "string") names.add(found);
    }
    for (const [below, inner] of Object.entries(value)) walk(inner, below);
  };
  walk(pod.spec, "");
  return [...names];
};

/** Output of a pod's programs with the pod's own secrets masked. They are read for just this, and not kept. */
export const maskSecrets = async (context: Pick<Context, "objects">, pod: PodObject, text: string): Promise<string> => {
  if (text === "") return "";
  let masked = text;
  for (const name of secretNames(pod)) {
    const secret = await context.objects.get<SecretObject>(kinds.Secret, pod.metadata.namespace, name);
    // Without knowing them nothing is shown.
    if (secret === undefined) return "";
    for (const value of Object.values(secret.data ?? {})) {
      const plain = Buffer.from(value, "base64").toString("utf8").trim();
      if (plain.length >= shortestSecret) masked = masked.split(plain).join("***");
    }
  }
  return redact(masked);
};

/** The last lines that a container wrote, its pod's secrets masked; empty where they can't be had. */
export const readTail = async (
  context: Pick<Context, "client" | "objects">,
  pod: PodObject,
  container: string,
  lines: number,
  isPrevious = false,
): Promise<string> => {
  const at = { namespace: pod.metadata.namespace ?? "", name: pod.metadata.name, below: "log" };
  try {
    const stream = await context.client.stream({
      method: "GET",
      path: toPath(kinds.Pod, at),
      query: { container, tailLines: lines, limitBytes: mostBytes, previous: isPrevious },
      accept: "*/*",
      timeoutMs: 3_000,
    });
    let text = "";
    for await (const piece of stream as AsyncIterable<Buffer>) text += piece.toString("utf8");
    return (await maskSecrets(context, pod, text)).trim().split("\n").slice(-lines).join(" | ");
  } catch {
    return "";
  }
};
