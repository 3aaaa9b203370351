import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { DomainError } from "@portolan/domain";
import { execInPod } from "../client/exec.ts";
import { isStatus, KubeError } from "../client/kube-error.ts";
import type { ClaimObject, PodObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { WriteTurn } from "../context.ts";
import { findRefusal, toThrown } from "../failure.ts";
import { toImage } from "../images.ts";
import { annotationKeys, toLabels } from "../labels.ts";
import { sharedNames, toNodeObjectName } from "../names.ts";
import { judgePod } from "../observe/judge.ts";
import { copyProgram, copyRoot } from "./copy-program.ts";
import { createFrameReader } from "./frames.ts";

const startMs = 120_000;
const container = "copy";

/** The volumes of one node: they are where its pod can be, so that one pod can have them all. */
export interface CopyWish {
  node: string;
  userId: number;
  /** Volume's name → its claim's. */
  claims: ReadonlyMap<string, string>;
}

const renderPod = (turn: WriteTurn, wish: CopyWish) => {
  const { settings, placement, namespace } = turn;
  const objectName = toNodeObjectName(wish.node);
  const volumes = [...wish.claims].map(([volume, claim], index) => ({ volume, claim, name: `v${index}` }));
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `copy-${objectName}`.slice(0, 63),
      namespace,
      labels: toLabels(placement, { objectName, component: "copy" }),
      annotations: { [annotationKeys.nodeName]: wish.node },
    },
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 0,
      activeDeadlineSeconds: 6 * 3600,
      nodeSelector: settings.nodeSelector,
      tolerations: settings.tolerations,
      ...(settings.pullSecret ? { imagePullSecrets: [{ name: sharedNames.pullSecret }] } : {}),
      securityContext: {
        runAsNonRoot: true,
        runAsUser: wish.userId,
        runAsGroup: wish.userId,
        fsGroup: wish.userId,
        fsGroupChangePolicy: "OnRootMismatch",
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [
        {
          name: container,
          image: toImage(turn.toolsImage, settings),
          command: ["node", "-e", "process.on('SIGTERM', () => process.exit(0)); setInterval(() => 0, 1e8)"],
          resources: { requests: { cpu: "50m", memory: "128Mi" }, limits: { cpu: "1", memory: "128Mi" } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
          volumeMounts: volumes.map(({ name, volume }) => ({ name, mountPath: `${copyRoot}/${volume}` })),
        },
      ],
      volumes: volumes.map(({ name, claim }) => ({ name, persistentVolumeClaim: { claimName: claim } })),
    },
  };
};

const start = async (turn: WriteTurn, wish: CopyWish): Promise<PodObject> => {
  const body = renderPod(turn, wish);
  const endsAt = performance.now() + startMs;
  const digest = createHash("sha256").update(JSON.stringify(body.spec)).digest("hex");
  const annotations = { ...body.metadata.annotations, "portolan.dev/copy-hash": digest };
  for (;;) {
    const found = await turn.objects.get<PodObject>(kinds.Pod, turn.namespace, body.metadata.name);
    const isOld = found?.metadata.annotations?.["portolan.dev/copy-hash"] !== digest;
    if (found && (isOld || found.status?.phase === "Failed" || found.status?.phase === "Succeeded")) {
      await turn.objects.remove(kinds.Pod, found, { graceSeconds: 0 });
    } else if (found === undefined) {
      await turn.step("copy.start");
      try {
        await turn.objects.create(kinds.Pod, turn.namespace, { ...body, metadata: { ...body.metadata, annotations } });
      } catch (error) {
        const known = error instanceof KubeError ? findRefusal(error.message) : undefined;
        if (known) throw toThrown(known, error);
        if (!isStatus(error, 409)) throw error;
      }
    } else if (found.status?.containerStatuses?.[0]?.state?.running) return found;
    if (performance.now() > endsAt) {
      const { message = "It does not start.", hint } = found ? judgePod(found, turn.clock.now().getTime()) : {};
      throw new DomainError({
        code: "runtime.failed",
        message: `The pod that copies the data of ${wish.node} was not there in time. ${message}`,
        ...(hint === undefined ? {} : { hint }),
        retryable: true,
      });
    }
    await sleep(150);
  }
};

/** What works in a copy pod: commands of its program, with frames in and out. */
export interface CopyPod {
  run(
    command: string,
    volumes: readonly string[],
    options: {
      input?: AsyncIterable<Buffer>;
      onFrame: (value: unknown) => number | Promise<number>;
      onBytes?: (piece: Buffer) => void | Promise<void>;
    },
  ): Promise<void>;
}

/** Runs `work` with a pod that has a node's volumes; the pod is gone afterwards, or at the latest with the next copy. */
export const withCopyPod = async <T>(
  turn: WriteTurn,
  wish: CopyWish,
  work: (pod: CopyPod) => Promise<T>,
): Promise<T> => {
  const pod = await start(turn, wish);
  try {
    return await work({
      run: async (command, volumes, { input, onFrame, onBytes = () => undefined }) => {
        let isWhole = false;
        const reader = createFrameReader({
          onFrame: (value) => {
            isWhole = typeof value === "object" && value !== null && "done" in value && value.done === command;
            return isWhole ? 0 : onFrame(value);
          },
          onBytes,
        });
        const { code, errors } = await execInPod(turn.client, {
          namespace: turn.namespace,
          pod: pod.metadata.name,
          container,
          command: ["node", "-e", copyProgram, "--", command, ...volumes],
          onOutput: reader.push,
          ...(input ? { input } : {}),
        });
        if (code === 0 && isWhole && reader.isDone()) return;
        throw new CopyFailure(command, code, errors);
      },
    });
  } finally {
    await turn.objects.remove(kinds.Pod, pod, { graceSeconds: 0 }).catch(() => undefined);
  }
};

/** The program in the copy pod ended with an error, or what came of it was cut short. */
export class CopyFailure extends Error {
  readonly errors: string;
  constructor(command: string, code: number, errors: string) {
    super(`copy ${command} ended with ${code}: ${errors.slice(-500)}`);
    this.name = "CopyFailure";
    this.errors = errors;
  }
}

/** The node's claims by the name of their volume. */
export const claimsOf = (claims: readonly ClaimObject[], node: string): Map<string, string> =>
  new Map(
    claims.flatMap(({ metadata }) => {
      const [owner, volume] = metadata.annotations?.[annotationKeys.volume]?.split("/") ?? [];
      return owner === node && volume !== undefined ? [[volume, metadata.name] as const] : [];
    }),
  );
