import type { OperationResource } from "@portolan/contract";
import { CliFailure, exitCodes } from "./failure.ts";
import { clean, type Screen, writeLine } from "./output.ts";

const barWidth = 20;

const toBar = (operation: OperationResource): string => {
  const filled = Math.round(operation.progress * barWidth);
  const running = operation.steps.find((step) => step.state === "running");
  const title = clean(running?.title ?? operation.state);
  return `${operation.kind} [${"#".repeat(filled)}${".".repeat(barWidth - filled)}] ${Math.round(operation.progress * 100)} %  ${title}`;
};

export interface Progress {
  show(operation: OperationResource): void;
  /** Clears the live line. */
  end(): void;
}

/** On a terminal one live line; elsewhere one line for each step that began or ended. Both on standard error. */
export const createProgress = (err: Screen["err"]): Progress => {
  const said = new Set<string>();
  if (err.isTTY === true) {
    return {
      show: (operation) => err.write(`\r\u001b[2K${toBar(operation)}`),
      end: () => err.write("\r\u001b[2K"),
    };
  }
  return {
    show: (operation) => {
      for (const step of operation.steps) {
        const line = `${step.key} ${step.state}`;
        if (step.state === "pending" || said.has(line)) continue;
        said.add(line);
        writeLine(err, `${clean(step.title)}: ${step.state}`);
      }
    },
    end: () => undefined,
  };
};

/** @throws CliFailure with exit code 7 unless the operation succeeded. */
export const assertSucceeded = (operation: OperationResource): void => {
  if (operation.state === "succeeded") return;
  const why = operation.error === undefined ? "" : `: ${operation.error.message}`;
  const hint =
    operation.error?.hint ??
    (operation.state === "needsAttention"
      ? `When its cause is gone: portolan operations retry ${operation.id}; to give it up: portolan operations cancel ${operation.id}`
      : undefined);
  throw new CliFailure(`The operation ${operation.id} ${wordOf(operation.state)}${why}`, {
    exitCode: exitCodes.operationFailed,
    ...(hint === undefined ? {} : { hint }),
  });
};

const wordOf = (state: OperationResource["state"]): string => {
  if (state === "needsAttention") return "needs attention";
  return state === "failed" ? "failed" : `is ${state}`;
};
