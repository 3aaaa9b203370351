import { DomainError, type PartSpec } from "@portolan/domain";
import type { Framework, FrameworkRegistry, PartKind } from "@portolan/frameworks";
import { chainWishes, type OperationRow, type StoreTransaction } from "@portolan/store";
import { notFound } from "../../http/invalid-request.ts";
import { gone, isGone, type LockedChain, wrongPhase } from "../chains/guards.ts";
import { operationLocation } from "../operations/present.ts";

/** A chain whose framework has parts of the kind that was asked for. */
export interface PartTarget {
  chain: LockedChain;
  framework: Framework;
  /** The framework's own, whose schema is the one that counts. */
  kind: PartKind;
}

/** Throws `resource.not_found` where chains of this framework have no such parts. */
export const demandKind = (
  frameworks: FrameworkRegistry,
  slug: string,
  plural: string,
): { framework: Framework; kind: PartKind } => {
  const framework = frameworks.find(slug);
  const kind = framework?.parts.find((item) => item.plural === plural);
  if (framework !== undefined && kind !== undefined) return { framework, kind };
  const own = framework?.parts.map((item) => item.plural).join(", ") ?? "";
  throw new DomainError({
    code: "resource.not_found",
    message: `Chains of ${slug} have no ${plural}.`,
    hint: own === "" ? `Nothing can be made inside a chain of ${slug} through the API.` : `They have ${own}.`,
  });
};

/** The chain, held until the transaction ends, and able to take a change of its parts. */
export const lockTarget = async (
  frameworks: FrameworkRegistry,
  transaction: StoreTransaction,
  input: { tenantId: string; chainId: string; plural: string },
): Promise<PartTarget> => {
  const chain = await chainWishes.lock(transaction, input.tenantId, input.chainId);
  if (chain === null) throw notFound("chain");
  const { framework, kind } = demandKind(frameworks, chain.framework, input.plural);
  const facts = framework.plans.find(({ plan }) => plan === chain.plan);
  if (isGone(chain)) throw gone(chain, facts?.recoveryWindowSeconds ?? 0);
  // It would wait for as long as the chain rests; nobody would know what for.
  if (chain.wish !== "running") throw wrongPhase("The chain is paused.", "POST …/resume starts it again.");
  return { chain, framework, kind };
};

export const partBusy = (title: string, operation: OperationRow): DomainError =>
  new DomainError({
    code: "part.busy",
    message: `Another operation (${operation.kind}) is under way on this ${title}.`,
    hint: `Wait for it: GET ${operationLocation(operation.id)}?wait=20, or cancel it.`,
    retryable: true,
    meta: { operationId: operation.id },
  });

/** The parts as they would be with this one. */
export const withPart = (parts: readonly PartSpec[], part: PartSpec): PartSpec[] =>
  parts.some(({ id }) => id === part.id) ? parts.map((item) => (item.id === part.id ? part : item)) : [...parts, part];
