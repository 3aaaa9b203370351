import { execFile, execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { V1Job, V1PodSpec, V1StatefulSet } from "@kubernetes/client-node";
import { requireCluster, requireProgram, temporaryDirectory } from "@portolan/testing";
import { describe, expect, test } from "vitest";
import { entryManifests } from "./entry-sample.ts";
import { manifestExceptions } from "./manifest-exceptions.ts";
import { manifestSamples, manifestsOf } from "./manifest-samples.ts";
import { writeSchemas } from "./openapi-schemas.ts";
import { restrictedViolations } from "./pod-security.ts";

const samples: readonly (readonly [string, readonly object[]])[] = [
  ...(await manifestSamples()).map((sample) => [sample.name, manifestsOf(sample)] as const),
  ["the region's entry", entryManifests()],
];

const podSpecs = (objects: readonly object[]): V1PodSpec[] =>
  objects.flatMap((object) => {
    const { spec } = object as V1StatefulSet | V1Job;
    return spec !== undefined && "template" in spec && spec.template.spec !== undefined ? [spec.template.spec] : [];
  });

describe("Pod Security restricted", () => {
  test.each(samples)("%s breaks none of its rules", (_name, objects) => {
    const specs = podSpecs(objects);
    expect(specs.length).toBeGreaterThan(0);
    expect(specs.flatMap(restrictedViolations)).toEqual([]);
  });

  test("whatever breaks one is found", () => {
    const [spec] = podSpecs(samples[0]?.[1] ?? []);
    const [container] = spec?.containers ?? [];
    if (spec === undefined || container === undefined) throw new Error("there is no pod");
    const broken = (change: object): V1PodSpec => ({ ...spec, containers: [{ ...container, ...change }] });
    for (const pod of [
      { ...spec, hostNetwork: true },
      { ...spec, automountServiceAccountToken: true },
      { ...spec, volumes: [{ name: "host", hostPath: { path: "/" } }] },
      { ...spec, securityContext: { ...spec.securityContext, runAsNonRoot: false } },
      broken({ securityContext: { ...container.securityContext, capabilities: {} } }),
      broken({ securityContext: { ...container.securityContext, allowPrivilegeEscalation: true } }),
      broken({ ports: [{ containerPort: 1, hostPort: 1 }] }),
      broken({ resources: {} }),
    ])
      expect(restrictedViolations(pod)).not.toEqual([]);
  });
});

interface Score {
  object_name: string;
  checks: readonly { check: { id: string }; skipped: boolean; grade: number; comments: readonly object[] | null }[];
}

/** kube-score ends with 1 where it finds something; what it found is what counts. */
const score = (program: string, file: string): Promise<Score[]> =>
  new Promise((resolve, reject) => {
    execFile(program, ["score", "--output-format", "json", file], { maxBuffer: 64 << 20 }, (error, stdout) => {
      if (stdout === "") reject(error ?? new Error("kube-score said nothing"));
      else resolve(JSON.parse(stdout) as Score[]);
    });
  });

const write = (directory: string, name: string, objects: readonly object[]): string => {
  const path = join(directory, `${name}.yaml`);
  writeFileSync(path, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  return path;
};

const kubeScore = requireProgram("kube-score", "kubernetes");
const best = 10;

describe.skipIf(kubeScore === undefined)("kube-score", () => {
  test("finds nothing but what is an exception with a reason, and each exception is one", async () => {
    const excepted = new Set(manifestExceptions.map(({ rule }) => rule));
    const used = new Set<string>();
    const found: string[] = [];
    const directory = temporaryDirectory("manifests");
    for (const [name, objects] of samples) {
      for (const { object_name: object, checks } of await score(kubeScore ?? "", write(directory, name, objects))) {
        for (const { check, skipped, grade, comments } of checks) {
          if (skipped || grade >= best) continue;
          used.add(check.id);
          if (!excepted.has(check.id)) found.push(`${name} ${object}: ${check.id} ${JSON.stringify(comments)}`);
        }
      }
    }
    expect(found).toEqual([]);
    expect([...excepted].filter((rule) => !used.has(rule))).toEqual([]);
  });
});

const kubeconform = requireProgram("kubeconform", "kubernetes");
const cluster = requireCluster(1);

describe.skipIf(kubeconform === undefined || cluster === undefined)("kubeconform", () => {
  test("every object is valid by the schemas of a real API server, and has no member that it does not know", async () => {
    const directory = temporaryDirectory("manifests");
    const { kubectl, adminKubeconfigPath } = (await cluster?.start()) ?? { kubectl: "", adminKubeconfigPath: "" };
    const read = (path: string): unknown =>
      JSON.parse(
        execFileSync(kubectl, ["--kubeconfig", adminKubeconfigPath, "get", "--raw", path], {
          encoding: "utf8",
          maxBuffer: 64 << 20,
        }),
      );
    const groups = [
      "api/v1",
      ...["apps/v1", "batch/v1", "networking.k8s.io/v1", "policy/v1"].map((one) => `apis/${one}`),
    ];
    const count = writeSchemas(
      groups.map((group) => read(`/openapi/v3/${group}`) as object),
      directory,
    );
    expect(count).toBeGreaterThan(30);
    const location = `${directory}/{{.ResourceKind}}{{.KindSuffix}}.json`;
    const check = (path: string): string[] => {
      const args = ["-strict", "-output", "json", "-schema-location", location, path];
      try {
        execFileSync(kubeconform ?? "", args, { encoding: "utf8", maxBuffer: 64 << 20 });
        return [];
      } catch (error) {
        const said = JSON.parse(String((error as { stdout?: unknown }).stdout)) as { resources: { msg: string }[] };
        return said.resources.map(({ msg }) => msg);
      }
    };
    for (const [name, objects] of samples) expect(check(write(directory, name, objects)), name).toEqual([]);
    const [, [namespace, ...rest] = []] = samples[0] ?? [];
    expect(check(write(directory, "unknown-member", [{ ...namespace, spec: { unknown: 1 } }, ...rest]))).not.toEqual(
      [],
    );
  });
});
