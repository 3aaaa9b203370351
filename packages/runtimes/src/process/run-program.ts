import { join } from "node:path";
import type { BlueprintNode, EnvValue, InitSpec, Text } from "@portolan/domain";
import { NodeFailure } from "../node-failure.ts";
import type { SecretSource } from "../runtime.ts";
import type { WriteTurn } from "./context.ts";
import { type Launched, launch, signalProcess } from "./launch.ts";
import { lastLines, openLog } from "./log-file.ts";
import type { FoundProgram } from "./programs.ts";
import { secretTexts, toEnvironment, toText } from "./render-node.ts";
import type { NodeState } from "./state.ts";

/** A node in the middle of being brought to its blueprint. */
export interface NodeTurn {
  turn: WriteTurn;
  node: BlueprintNode;
  state: NodeState;
  secrets: SecretSource;
  /** Program name → what is started. */
  paths: ReadonlyMap<string, FoundProgram>;
}

export interface Command {
  program: { name: string };
  args: readonly Text[];
  env: { readonly [name: string]: EnvValue };
}

export const logPath = (turn: Pick<WriteTurn, "layout" | "state">, node: string, process: string): string =>
  join(turn.layout.logs(turn.state.placementId, node), `${process}.log`);

/**
 * Starts one program: first the intent is written, then it is started, then who it is is written. A crash between
 * leaves an intent, and the label in the program's environment tells whether it came to be.
 */
export const startProgram = async (at: NodeTurn, name: string, command: Command, failures = 0): Promise<Launched> => {
  const { turn, node, state } = at;
  const { placementId } = turn.state;
  const { incarnation } = state;
  const record = { incarnation, intentAt: turn.clock.now().toISOString(), failures };
  const env = toEnvironment(turn, { placementId, node, process: name, incarnation }, command.env, at.secrets);
  await turn.step(`${name}.intend`);
  state.processes[name] = record;
  turn.save();
  await turn.step(`${name}.start`);
  const program = at.paths.get(command.program.name) ?? { path: command.program.name };
  let launched: Launched;
  try {
    launched = await launch(
      {
        path: program.path,
        args: [
          ...(program.script === undefined ? [] : [program.script]),
          ...command.args.map((text) => toText(turn.layout, placementId, node, text)),
        ],
        env,
        cwd: turn.layout.scratchHome(placementId, node.name),
        logFd: openLog(logPath(turn, node.name, name), turn.maxLogBytes, turn.clock.now()),
        user: turn.user,
      },
      turn.table,
    );
  } catch (error) {
    delete state.processes[name];
    throw error;
  }
  const { identity } = launched;
  const exited = launched.exited.then((exit) => ({ ...exit, at: turn.clock.now().getTime() }));
  turn.exits.expect(identity, exited);
  void exited.then(() => turn.monitor.ended(identity, placementId));
  await turn.step(`${name}.started`);
  state.processes[name] = { ...record, identity, startedAt: turn.clock.now().toISOString() };
  turn.save();
  return launched;
};

const fenceCheckMs = 100;

/** Runs a command to its end, bounded by its timeout; a failure carries the last lines it printed. */
export const runToEnd = async (at: NodeTurn, kind: "init" | "job", command: InitSpec): Promise<void> => {
  const { turn, state, node } = at;
  const name = `${kind}.${command.name}`;
  const { identity, exited } = await startProgram(at, name, command);
  const until = performance.now() + command.timeoutMs;
  let exit = turn.exits.get(identity);
  while (exit === undefined && performance.now() < until) {
    const waitMs = Math.min(fenceCheckMs, Math.max(1, until - performance.now()));
    let timer: NodeJS.Timeout | undefined;
    const pause = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), waitMs);
    });
    exit = await Promise.race([exited, pause]);
    clearTimeout(timer);
    // A worker that took over must not have to wait for this command: it will end it itself.
    await turn.step(`${name}.wait`);
  }
  if (exit === undefined) signalProcess(identity, "SIGKILL", turn.table);
  if (exit?.code !== 0) turn.table.killRemains(identity, turn.layout.home);
  delete state.processes[name];
  turn.save();
  if (exit?.code === 0) return;
  const how =
    exit === undefined ? `did not end within ${command.timeoutMs} ms` : `ended with ${exit.signal ?? exit.code}`;
  const output = lastLines(logPath(turn, node.name, name), 5, secretTexts(node, at.secrets));
  throw new NodeFailure({
    reason: `${kind}_failed`,
    message: `The ${kind === "init" ? "init command" : "job"} ${command.name} ${how}.${output ? ` Its last lines: ${output}` : ""}`,
    hint: "It is tried again by itself; the node's logs have all of its output.",
  });
};
