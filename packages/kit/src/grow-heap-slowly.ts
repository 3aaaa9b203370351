import { setFlagsFromString } from "node:v8";

/** How much larger than what is alive the heap may become before it is collected. V8's own bound is four times that. */
const growingPercent = 50;

/**
 * For a process that holds much and makes little garbage: its heap is collected before it has several times the size of
 * what is alive. To be called once, before the process does anything; costs some processor time for collecting.
 */
export const growHeapSlowly = (): void => setFlagsFromString(`--heap-growing-percent=${growingPercent}`);
