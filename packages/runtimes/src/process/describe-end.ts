import { statfsSync } from "node:fs";
import { findLack } from "@portolan/frameworks";
import { redact } from "@portolan/kit";
import type { Failure } from "../node-failure.ts";
import type { Context } from "./context.ts";
import { lastLines } from "./log-file.ts";
import type { ProcessRecord } from "./state.ts";

/** From this many ends in a row on, it is said to be a loop. */
const loopFailures = 5;
const fullBytes = 1 << 20;

const isDiskFull = (directory: string): boolean => {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize < fullBytes;
  } catch {
    return false;
  }
};

/** Why a program is not running any more, as far as can be known. */
export const describeEnd = (
  context: Pick<Context, "layout" | "exits"> & { state: { placementId: string } },
  node: string,
  process: string,
  record: ProcessRecord,
  failures: number,
  /** What to mask in the program's last lines; without it none are shown. */
  secrets?: readonly string[],
): Failure => {
  const directory = context.layout.logs(context.state.placementId, node);
  const output = redact(lastLines(`${directory}/${process}.log`, 3, secrets ?? []));
  if (isDiskFull(directory) || /ENOSPC|No space left on device/i.test(output)) {
    return {
      reason: "storage_full",
      message: `The program ${process} ended because the disk that holds its data is full.`,
      hint: "Free some space on that disk; the node is started again by itself.",
    };
  }
  const exit = record.identity && context.exits.get(record.identity);
  const how = exit
    ? exit.signal === null
      ? `with code ${exit.code}`
      : `by ${exit.signal}`
    : "while no worker looked after it";
  const isLoop = failures >= loopFailures;
  const again = isLoop ? ` It has ended ${failures} times in a row.` : "";
  return {
    reason: isLoop ? "crash_loop" : "exited",
    message:
      `The program ${process} ended ${how}.${again}${secrets && output ? ` Its last lines: ${output}` : ""}`.slice(
        0,
        1500,
      ),
    hint:
      findLack(output) ??
      (isLoop ? "The node's logs say why; it is tried again every 30 seconds." : "It is started again by itself."),
  };
};
