import { DomainError, type NodeObservation, type PlacementObservation } from "@portolan/domain";

/** One that lives and only does not answer is not started again: most likely it is busy with what is waited for. */
const isUp = ({ state, reason }: NodeObservation): boolean =>
  state === "running" || state === "starting" || reason === "unresponsive";

/**
 * Looks after the nodes that run while something else waits inside their network: only the next pass starts what has
 * died, so a wait for a dead node must not take its whole time. The signal is aborted, with a reason for people, once
 * a node that was up is down. `end` it.
 */
export const keepVigil = (input: {
  /** As they were when the wait began. */
  nodes: readonly NodeObservation[];
  observe(): Promise<PlacementObservation>;
  everyMs: number;
}): { signal: AbortSignal; end(): void } => {
  const controller = new AbortController();
  const wereUp = input.nodes.filter(isUp).map(({ node }) => node);
  let isLooking = false;
  const look = async (): Promise<void> => {
    const { nodes } = await input.observe();
    const down = wereUp.find((name) => !nodes.some((node) => node.node === name && isUp(node)));
    if (down === undefined) return;
    controller.abort(
      new DomainError({
        code: "step.failed",
        message: `Node ${down} went down meanwhile.`,
        hint: "It is started again, and the step is tried again.",
        retryable: true,
      }),
    );
  };
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    // What can't be seen now is seen by the pass itself.
    look()
      .catch(() => undefined)
      .finally(() => {
        isLooking = false;
      });
  }, input.everyMs);
  timer.unref();
  return { signal: controller.signal, end: () => clearInterval(timer) };
};
