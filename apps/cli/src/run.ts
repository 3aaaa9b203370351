import { Command, CommanderError } from "commander";
import manifest from "../package.json" with { type: "json" };
import { addAccountCommands } from "./commands/account.ts";
import { addAppCommands } from "./commands/apps.ts";
import { addAuditCommands } from "./commands/audit.ts";
import { addBackupCommands } from "./commands/backups.ts";
import { addCatalogCommands } from "./commands/catalog.ts";
import { addChainCommands } from "./commands/chains.ts";
import { addDocumentCommands } from "./commands/documents.ts";
import { addOperationCommands } from "./commands/operations.ts";
import { addPartCommands } from "./commands/parts.ts";
import { addProgramCommands } from "./commands/programs.ts";
import { addRegionCommands } from "./commands/regions.ts";
import { addRegistryCommands } from "./commands/registries.ts";
import { addServiceAccountCommands } from "./commands/service-accounts.ts";
import { addUsageCommands } from "./commands/usage.ts";
import { type CliDeps, type Context, createContext } from "./context.ts";
import { doctor } from "./doctor/doctor.ts";
import { type Sentence, toExitCode, toSentence } from "./exit-code.ts";
import { exitCodes } from "./failure.ts";
import { clean, writeLine } from "./output.ts";
import { up } from "./up/up.ts";

const exitCodeHelp = `
Exit codes: 0 done, 1 failure, 2 wrong usage, 3 not signed in, 4 refused (policy, quota, permission, money),
5 not found, 6 the API can't be reached, 7 the operation failed, was cancelled or needs attention.

With --json a failure is one line of JSON, the last on standard error: code, message, and where there is one hint,
requestId, status (HTTP's) and details.

Environment: PORTOLAN_API_URL (default: PORTOLAN_API_PORT on this machine, else the profile's, else the plane that runs
in PORTOLAN_HOME, else http://127.0.0.1:4100), PORTOLAN_TOKEN, PORTOLAN_PASSWORD, PORTOLAN_PASSPHRASE (of an export),
PORTOLAN_CONFIG (profile file); for up, doctor
and programs PORTOLAN_HOME, PORTOLAN_API_PORT, PORTOLAN_GATEWAY_PORT, PORTOLAN_GRPC_PORT, PORTOLAN_PROGRAMS, REDIS_URL, DATABASE_OWNER_URL,
DATABASE_URL, DATABASE_SYSTEM_URL.`;

interface GlobalFlags {
  json?: boolean;
  api?: string;
}

const addPlaneCommands = (program: Command, deps: CliDeps): void => {
  program
    .command("up")
    .description("run a whole plane on this machine until Ctrl-C")
    .option("--bare", "without the first chain")
    .action((flags: { bare?: boolean }, command: Command) =>
      up({
        root: deps.root,
        isBare: flags.bare === true,
        isJson: command.optsWithGlobals<GlobalFlags>().json === true,
        screen: deps.screen,
      }),
    );
  program
    .command("doctor")
    .description("look for what would keep a plane from running here, and say how to mend it")
    .action((_flags: unknown, command: Command) => {
      const { json } = command.optsWithGlobals<GlobalFlags>();
      return doctor({ root: deps.root, isJson: json === true, screen: deps.screen });
    });
};

/** Every command sees `--json` and `--api`, wherever they stand on the line. */
const addGlobals = (command: Command): void => {
  for (const sub of command.commands) {
    if (sub.commands.length === 0) {
      sub
        .option("--json", "print JSON")
        .option("--api <url>", "of the API; default PORTOLAN_API_URL, else as portolan --help says");
    }
    addGlobals(sub);
  }
};

const createProgram = (deps: CliDeps, isJson: boolean): Command => {
  const program = new Command("portolan")
    .description("Run blockchain networks in any cloud region, behind any portal.")
    .version(manifest.version, "--version", "print the version")
    .showHelpAfterError("(portolan --help says more)")
    .addHelpText("after", exitCodeHelp)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => deps.screen.out.write(text),
      // With --json the problem is one line; see `reportJson`.
      writeErr: (text) => isJson || deps.screen.err.write(text),
    });
  const open = (command: Command): Context => {
    const { json, api } = command.optsWithGlobals<GlobalFlags>();
    return createContext(deps, json === true, api);
  };
  addPlaneCommands(program, deps);
  addAccountCommands(program, open);
  addAppCommands(program, open);
  addRegistryCommands(program, open);
  addChainCommands(program, open);
  addPartCommands(program, open);
  addBackupCommands(program, open);
  addDocumentCommands(program, open);
  addOperationCommands(program, open);
  addUsageCommands(program, open);
  addCatalogCommands(program, open);
  addRegionCommands(program, open);
  addServiceAccountCommands(program, open);
  addAuditCommands(program, open);
  addProgramCommands(program, open, deps.fetch ?? fetch);
  addGlobals(program);
  return program;
};

/** One line, last on standard error: `{ code, message, hint, requestId, status, details }`, absent ones left out. */
const reportJson = (deps: CliDeps, { details, ...sentence }: Sentence): void =>
  writeLine(deps.screen.err, JSON.stringify({ ...sentence, ...(details.length === 0 ? {} : { details }) }));

const usageSentence = (error: CommanderError): Sentence => ({
  code: "usage",
  message: error.code === "commander.help" ? "A command is missing." : error.message.replace(/^error: /, ""),
  hint: "portolan --help says more.",
  details: [],
});

const report = (deps: CliDeps, error: unknown): void => {
  const { err } = deps.screen;
  const sentence = toSentence(error);
  // A message of several lines is a list: of variables, for one.
  for (const [at, line] of sentence.message.split("\n").entries()) {
    writeLine(err, `${at === 0 ? "portolan: " : ""}${clean(line)}`);
  }
  for (const detail of sentence.details) writeLine(err, `  ${clean(detail)}`);
  if (sentence.hint !== undefined) writeLine(err, `  ${clean(sentence.hint)}`);
  if (sentence.requestId !== undefined) writeLine(err, `  (request ${clean(sentence.requestId)})`);
};

/** Runs one command line and gives its exit code; never throws. */
export const run = async (args: readonly string[], deps: CliDeps): Promise<number> => {
  const end = args.indexOf("--");
  const isJson = args.slice(0, end === -1 ? undefined : end).includes("--json");
  try {
    await createProgram(deps, isJson).parseAsync([...args], { from: "user" });
    return exitCodes.ok;
  } catch (error) {
    // Commander has said it already; asking for help is no failure.
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return exitCodes.ok;
      if (isJson) reportJson(deps, usageSentence(error));
      return exitCodes.usage;
    }
    if (isJson) reportJson(deps, toSentence(error));
    else report(deps, error);
    return toExitCode(error);
  }
};
