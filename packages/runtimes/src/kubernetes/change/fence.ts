import { DomainError } from "@portolan/domain";
import type { Fence } from "../../runtime.ts";
import { isStatus, isUncertain } from "../client/kube-error.ts";
import type { NamespaceObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { Context, WriteTurn } from "../context.ts";
import { toThrown } from "../failure.ts";
import { annotationKeys } from "../labels.ts";
import { renderNamespace } from "../render/namespace.ts";
import { type Space, toNamespaceName } from "../space.ts";
import { recallApplied } from "./ensure.ts";
import { fenceOf } from "./fence-of.ts";
import { parseState, stateAnnotation } from "./placement-state.ts";
import { createTombstones, toTombstoneName } from "./tombstone.ts";

const stale = (): DomainError =>
  new DomainError({
    code: "runtime.fence_stale",
    message: "Another worker has taken this placement over.",
    retryable: true,
  });

/** A check is shared by writes that begin within this. */
const sharedMs = 20;
const mostTries = 8;

const isEnding = (namespace: NamespaceObject | undefined): boolean =>
  namespace?.metadata.deletionTimestamp !== undefined;

/** The namespace's annotations as they are, with the means to change them only if nobody else has. */
const createHold = (context: Context, placement: Space, fence: Fence) => {
  const { objects } = context;
  const name = toNamespaceName(placement);
  const tombstones = createTombstones(context);
  let current: NamespaceObject | undefined;

  const read = async (): Promise<NamespaceObject | undefined> => {
    const found = await objects.get<NamespaceObject>(kinds.Namespace, undefined, name);
    // What a successor wrote is never written on top of: another save of this call may be waiting its turn.
    if (fenceOf(found) > fence) throw stale();
    current = found;
    return current;
  };

  const create = async (annotations: { [key: string]: string }): Promise<void> => {
    // A writer from before the placement's end must stay refused.
    if ((await tombstones.read(toTombstoneName(placement))) > fence) throw stale();
    const rendered = renderNamespace(placement, context.settings);
    const metadata = { ...rendered.metadata, annotations: { ...rendered.metadata.annotations, ...annotations } };
    current = await objects.create<NamespaceObject>(kinds.Namespace, undefined, { ...rendered, metadata });
  };

  /** Writes annotations and the fence, as one change on top of what was read. */
  const write = async (annotations: { [key: string]: string }): Promise<void> => {
    const wanted = { [annotationKeys.fence]: String(fence), ...annotations };
    const before = current?.metadata.annotations?.[stateAnnotation];
    for (let attempt = 0; ; attempt++) {
      try {
        if (current === undefined) await create(wanted);
        else {
          const { resourceVersion } = current.metadata;
          const body = { metadata: { resourceVersion, annotations: wanted } };
          current = await objects.patch<NamespaceObject>(kinds.Namespace, undefined, name, body);
        }
        return;
      } catch (error) {
        // Somebody else was first, or it may have been written after all: look, and decide anew.
        if (!(isStatus(error, 404, 409) || isUncertain(error)) || attempt >= mostTries) throw error;
        await read();
        const now = current?.metadata.annotations ?? {};
        if (Object.entries(wanted).every(([key, value]) => now[key] === value)) return;
        const isForeign = annotations[stateAnnotation] !== undefined && now[stateAnnotation] !== before;
        if (isForeign) {
          throw new DomainError({
            code: "resource.stale",
            message: "The placement was written to by another call at the same time.",
            retryable: true,
          });
        }
      }
    }
  };

  const adopt = (known: NamespaceObject): void => {
    current = known;
  };
  return { name, read, write, adopt, now: () => current };
};

export interface TurnOptions {
  /** The namespace is made where it is not there. */
  mayCreate: boolean;
}

/**
 * Runs `work` as a writer of one of the placement's namespaces. The fence is an annotation of the namespace, raised before anything is
 * written and never lowered; what the runtime must remember is another one, so that each writing down is a check too.
 * `work` hears of no namespace where there is none and none may be made.
 */
export const withTurn = async <T>(
  context: Context,
  placement: Space,
  fence: Fence,
  options: TurnOptions,
  work: (turn: WriteTurn) => Promise<T>,
): Promise<T> => {
  const hold = createHold(context, placement, fence);
  const known = context.cache.find(kinds.Namespace, hold.name, hold.name) as NamespaceObject | undefined;
  // With nothing to be changed, not even the fence, nothing is asked: a well placement costs no request.
  if (known && context.isFresh() && fenceOf(known) === fence && !isEnding(known)) hold.adopt(known);
  else if ((await hold.read()) === undefined && !options.mayCreate) {
    if ((await createTombstones(context).read(toTombstoneName(placement))) > fence) throw stale();
  } else if (options.mayCreate && isEnding(hold.now())) {
    throw toThrown({
      reason: "namespace_terminating",
      message: "The chain's former namespace is still being removed.",
      hint: "It goes on by itself once that is gone; kubectl describe namespace says what holds it.",
    });
  } else if (fenceOf(hold.now()) < fence) await hold.write({});

  let written = hold.now()?.metadata.annotations?.[stateAnnotation];
  let saving: Promise<void> = Promise.resolve();
  let check: { at: number; done: Promise<unknown> } | undefined;
  const looked = (): Promise<unknown> => {
    const now = performance.now();
    if (check === undefined || now - check.at > sharedMs) check = { at: now, done: hold.read() };
    return check.done;
  };
  const turn: WriteTurn = {
    ...context,
    placement,
    namespace: hold.name,
    state: parseState(written),
    step: async (name) => {
      await context.checkpoint(name);
      await looked();
    },
    // One after the other: nodes are brought to their wish side by side, and share one annotation.
    save: () => {
      saving = saving.then(saveNow, saveNow);
      return saving;
    },
  };
  const saveNow = async (): Promise<void> => {
    const text = JSON.stringify(turn.state);
    if (text === written || hold.now() === undefined) return;
    await context.checkpoint("Namespace.save");
    await hold.write({ [stateAnnotation]: text });
    written = text;
  };
  recallApplied(context, hold.name, turn.state);
  return work(turn);
};
