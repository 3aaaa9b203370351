import type { OperationResource } from "@portolan/contract";
import { DomainError, type OperationKind, type PartSpec, type Principal } from "@portolan/domain";
import { withinReach } from "@portolan/frameworks";
import {
  appRepository,
  chainWishes,
  type OperationRow,
  operationRepository,
  type PartRow,
  partRepository,
  regionRepository,
  type StoreTransaction,
  toChainSpec,
  toPartSpec,
} from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { actorOf, type Changes, type Outcome } from "../../http/change.ts";
import { demandMatch } from "../../http/etag.ts";
import type { Answer, Caller } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import { demandActiveApp } from "../apps/demand-active.ts";
import { capabilitiesOf } from "../chains/capabilities-of.ts";
import { mergeSettings } from "../chains/merge-settings.ts";
import { resizeChain } from "../chains/resize.ts";
import { demandNoProblem, newProblems } from "../chains/review.ts";
import { operationLocation, presentOperation } from "../operations/present.ts";
import { parsePartSettings } from "./parse-part-settings.ts";
import { lockTarget, type PartTarget, partBusy, withPart } from "./target.ts";

/** A request about a part of a kind, whichever. */
export interface PartRequest {
  principal: Principal;
  caller: Caller;
  chainId: string;
  /** Id or name; absent where one is to be made. */
  reference?: string;
  body: { name?: string; settings?: unknown } | null;
}

const justChanged = (title: string): DomainError =>
  new DomainError({ code: "unavailable", message: `The ${title} has just changed.`, retryable: true });

type PartOutcome = Outcome<OperationResource>;

export const partChanges = (deps: ApiDeps, changes: Changes, plural: string) => {
  const { clock, ids, frameworks, operator } = deps;

  const run = async (
    request: PartRequest,
    work: (transaction: StoreTransaction, target: PartTarget) => Promise<PartOutcome>,
  ): Promise<Answer<OperationResource>> => {
    const { principal, caller, body, chainId } = request;
    const { tenantId } = principal;
    const answer = await changes.inTenant({ principal, caller, body }, async (transaction) =>
      work(transaction, await lockTarget(frameworks, transaction, { tenantId, chainId, plural })),
    );
    void deps.jobs.wake("chain.coordinate", { chainId });
    return answer;
  };

  const find = async (transaction: StoreTransaction, { chain, kind }: PartTarget, request: PartRequest) => {
    const { tenantId, id: chainId } = chain;
    const reference = request.reference ?? "";
    const row = await partRepository.find(transaction, { tenantId, chainId, kind: kind.kind, reference });
    if (row === null) throw notFound(kind.title);
    return row;
  };

  /** The framework's word on the chain with this part as wished, and the quota's. */
  const review = async (
    transaction: StoreTransaction,
    { chain, framework }: PartTarget,
    part: PartSpec,
    former: PartSpec | null,
  ): Promise<void> => {
    const now = toChainSpec(chain, await partRepository.ofChain(transaction, chain.tenantId, chain.id));
    const spec = { ...now, parts: withPart(now.parts, part) };
    const problems = framework.reviewPart?.(spec, part, former) ?? [];
    const [first] = problems;
    if (first !== undefined && part.isDeleted === true) {
      const hint = first.hint === undefined ? {} : { hint: first.hint };
      throw new DomainError({ code: "resource.conflict", message: first.message, ...hint });
    }
    const rows = await regionRepository.bySlugs(transaction, now.regions);
    const within = withinReach(operator, capabilitiesOf(rows));
    const ofChain = newProblems(framework.review(now, within), framework.review(spec, within));
    demandNoProblem([...problems, ...ofChain], "part.settings_invalid");
    await resizeChain(transaction, chain, framework, spec);
  };

  /** The operation of a wish that was written; the chain is due from now on. */
  const start = async (
    transaction: StoreTransaction,
    request: PartRequest,
    { chain, kind }: PartTarget,
    input: { part: PartRow; operation: OperationKind; former: object | null },
  ): Promise<PartOutcome> => {
    const { part, former } = input;
    const { tenantId, id: chainId, appId } = chain;
    const actor = actorOf(request.principal);
    const createdAt = clock.now();
    const operation = await operationRepository.insert(transaction, {
      ...{ id: ids.next("operation"), tenantId, appId, chainId, former, createdAt },
      kind: input.operation,
      targetType: kind.kind,
      targetId: part.id,
      generation: part.generation,
      actorType: actor.type,
      actorId: actor.id,
    });
    if (operation === null) throw justChanged(kind.title);
    await chainWishes.nudge(transaction, tenantId, chainId, createdAt);
    return {
      body: presentOperation(operation),
      headers: { location: operationLocation(operation.id) },
      audit: {
        tenantId,
        actor,
        action: input.operation.replace("part", kind.kind),
        target: { type: kind.kind, id: part.id },
        detail: { operationId: operation.id, chainId, name: part.name },
      },
    };
  };

  /**
   * The operation that stands still for want of other settings: it goes on with those, so that a target still has one.
   * What is being taken back is not mended.
   */
  const findStuck = async (transaction: StoreTransaction, { tenantId, id }: PartRow): Promise<OperationRow | null> => {
    const live = await operationRepository.liveOfPart(transaction, tenantId, id);
    const isMendable = live?.kind === "part.create" || live?.kind === "part.update";
    return isMendable && live.state === "needsAttention" && !live.isCancelling ? live : null;
  };

  const goOn = async (
    transaction: StoreTransaction,
    request: PartRequest,
    { chain, kind }: PartTarget,
    { part, stuck }: { part: PartRow; stuck: OperationRow },
  ): Promise<PartOutcome> => {
    const { tenantId, id: chainId } = chain;
    const operation = await operationRepository.markRetried(transaction, tenantId, stuck.id, part.generation);
    if (operation === null) throw justChanged(kind.title);
    await chainWishes.nudge(transaction, tenantId, chainId, clock.now());
    return {
      body: presentOperation(operation),
      headers: { location: operationLocation(operation.id) },
      audit: {
        tenantId,
        actor: actorOf(request.principal),
        action: `${kind.kind}.update`,
        target: { type: kind.kind, id: part.id },
        detail: { operationId: operation.id, chainId, name: part.name },
      },
    };
  };

  const demandFree = async (transaction: StoreTransaction, { kind }: PartTarget, row: PartRow): Promise<void> => {
    const live = await operationRepository.liveOfPart(transaction, row.tenantId, row.id);
    if (live !== null) throw partBusy(kind.title, live);
    if (row.deletedAt !== null)
      throw new DomainError({
        code: "part.deleted",
        message: `The ${kind.title} is deleted.`,
        hint: "Make a new one, with another name.",
      });
  };

  return {
    create: (request: PartRequest) =>
      run(request, async (transaction, target) => {
        const { chain, kind } = target;
        const { tenantId, id: chainId } = chain;
        const name = request.body?.name ?? "";
        demandActiveApp(await appRepository.hold(transaction, tenantId, chain.appId));
        const taken = await partRepository.find(transaction, { tenantId, chainId, kind: kind.kind, reference: name });
        if (taken !== null) {
          throw new DomainError({
            code: "part.name_taken",
            message: `The chain has ${taken.deletedAt === null ? "a" : "had a"} ${kind.title} of this name.`,
            hint: "Names inside a chain are used once, also when what had it is deleted. Choose another one.",
          });
        }
        if (await partRepository.isFull(transaction, chainId, kind.kind)) {
          throw new DomainError({
            code: "part.limit",
            message: `The chain has as many ${kind.plural} as a chain may have.`,
            hint: kind.deletable ? `Delete ${kind.plural} that are not in use.` : "Make another chain.",
          });
        }
        const settings = parsePartSettings(kind, request.body?.settings ?? {});
        const id = ids.nextWith(kind.idPrefix);
        await review(transaction, target, { id, kind: kind.kind, name, settings, generation: 1 }, null);
        const part = await partRepository.insert(transaction, {
          ...{ id, tenantId, chainId, kind: kind.kind, name, settings, createdAt: clock.now() },
        });
        return start(transaction, request, target, { part, operation: "part.create", former: null });
      }),

    update: (request: PartRequest) =>
      run(request, async (transaction, target) => {
        const { chain, kind } = target;
        const row = await find(transaction, target, request);
        demandMatch(request.caller.ifMatch, row.generation);
        const stuck = await findStuck(transaction, row);
        if (stuck === null) await demandFree(transaction, target, row);
        demandActiveApp(await appRepository.hold(transaction, chain.tenantId, chain.appId));
        const former = toPartSpec(row);
        const change = (request.body?.settings ?? {}) as { readonly [name: string]: unknown };
        const settings = parsePartSettings(kind, mergeSettings(former.settings, change));
        await review(transaction, target, { ...former, settings, generation: row.generation + 1 }, former);
        const part = await partRepository.wish(transaction, row, { settings, deletedAt: null });
        if (stuck !== null) return goOn(transaction, request, target, { part, stuck });
        const input = { part, operation: "part.update", former: { settings: former.settings } } as const;
        return start(transaction, request, target, input);
      }),

    delete: (request: PartRequest) =>
      run(request, async (transaction, target) => {
        const row = await find(transaction, target, request);
        const live = await operationRepository.liveOfPart(transaction, row.tenantId, row.id);
        // One that is going already is the answer to a second delete.
        if (live !== null && row.deletedAt !== null)
          return { body: presentOperation(live), headers: { location: operationLocation(live.id) }, audit: null };
        if (live === null) await demandFree(transaction, target, row);
        const former = toPartSpec(row);
        await review(transaction, target, { ...former, isDeleted: true, generation: row.generation + 1 }, former);
        if (live !== null) await operationRepository.supersede(transaction, live, clock.now());
        const part = await partRepository.wish(transaction, row, { settings: former.settings, deletedAt: clock.now() });
        return start(transaction, request, target, { part, operation: "part.delete", former: null });
      }),
  };
};
