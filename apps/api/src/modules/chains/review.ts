import type { ChainInput, FieldProblem } from "@portolan/contract";
import { type ChainSpec, DomainError, type JsonObject, type PlanFacts } from "@portolan/domain";
import {
  defaultVersion,
  type Framework,
  type FrameworkRegistry,
  type OperatorConfig,
  type ReviewProblem,
} from "@portolan/frameworks";
import { InvalidRequest, invalidField } from "../../http/invalid-request.ts";
import { findPlan } from "./review-move.ts";

/** Ids of a chain that is only thought of: for quotes, whose nodes depend on everything but them. */
export const nobodysChain: ChainSpec = {
  chainId: "chn_00000000000000000000000000",
  tenantId: "ten_00000000000000000000000000",
  name: "quote",
  framework: "",
  version: "",
  plan: "",
  settings: {},
  regions: [],
  parts: [],
  generation: 1,
  serial: 1,
};

/** A request for a chain whose form, settings and framework's own rules are fine. */
export interface ReviewedChain {
  framework: Framework;
  facts: PlanFacts;
  spec: ChainSpec;
}

export const parseSettings = (framework: Framework, settings: JsonObject): JsonObject => {
  const result = framework.settings.safeParse(settings);
  if (result.success) return result.data;
  const errors = result.error.issues.slice(0, 20).map(
    ({ path, code, message }): FieldProblem => ({
      path: ["settings", ...path.map(String)].join(".").slice(0, 300),
      code,
      message,
    }),
  );
  throw new InvalidRequest({
    code: "chain.settings_invalid",
    message: `The settings are not those of ${framework.slug}: ${errors[0]?.path}: ${errors[0]?.message}`,
    hint: `GET /v1/frameworks has the schema of its settings.`,
    errors,
  });
};

/**
 * Problems of a changed wish that the former one did not have: what the operator has stopped offering since must not
 * keep a chain from any change.
 */
export const newProblems = (before: readonly ReviewProblem[], after: readonly ReviewProblem[]): ReviewProblem[] => {
  const known = new Set(before.map((problem) => JSON.stringify(problem)));
  return after.filter((problem) => !known.has(JSON.stringify(problem)));
};

/** Throws with every problem that a framework found; none: fine. */
export const demandNoProblem = (
  problems: readonly ReviewProblem[],
  otherwise: "chain.settings_invalid" | "part.settings_invalid" = "chain.settings_invalid",
): void => {
  const first = problems[0];
  if (first === undefined) return;
  const isForbidden = problems.some(({ code }) => code === "address.forbidden");
  // Where there is no room the settings may be what they like.
  const isFull = problems.some(({ code }) => code === "part.limit");
  throw new InvalidRequest({
    code: isForbidden ? "address.forbidden" : isFull ? "part.limit" : otherwise,
    message: first.message,
    ...(first.hint === undefined ? {} : { hint: first.hint }),
    errors: problems.slice(0, 20).map(({ path, code, message }) => ({ path: path.slice(0, 300), code, message })),
  });
};

const findVersion = (framework: Framework, wanted: string | undefined): string => {
  const offered = framework.versions.map(({ version }) => version);
  const version = wanted ?? defaultVersion(framework);
  if (version !== undefined && offered.includes(version)) return version;
  throw invalidField("version", "unknown", `is not a version of ${framework.slug}`, `Offered: ${offered.join(", ")}.`);
};

/** Everything about a request for a chain that needs no database. */
export const reviewChain = (
  deps: { frameworks: FrameworkRegistry; operator: OperatorConfig },
  input: ChainInput,
): ReviewedChain => {
  const framework = deps.frameworks.find(input.framework);
  if (framework === undefined) {
    const offered = deps.frameworks
      .list()
      .map(({ slug }) => slug)
      .join(", ");
    throw new DomainError({
      code: "framework.unknown",
      message: "There is no such framework.",
      hint: `Offered: ${offered}.`,
    });
  }
  const facts = findPlan(framework, input.plan);
  if (!framework.sharing.includes(input.hosting)) {
    throw invalidField(
      "hosting",
      "unknown",
      `is not offered for ${framework.slug}`,
      `Offered: ${framework.sharing.join(", ")}.`,
    );
  }
  if (new Set(input.regions).size !== input.regions.length)
    throw invalidField("regions", "duplicate", "names a region twice");
  const spec: ChainSpec = {
    ...nobodysChain,
    name: input.name,
    framework: framework.slug,
    version: findVersion(framework, input.version),
    plan: facts.plan,
    settings: parseSettings(framework, input.settings as JsonObject),
    regions: input.regions,
  };
  demandNoProblem(framework.review(spec, deps.operator));
  return { framework, facts, spec };
};
