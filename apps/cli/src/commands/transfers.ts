import { existsSync } from "node:fs";
import { chainExport } from "@portolan/contract";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { readJsonFile, writeJsonFile } from "../json-file.ts";
import { writeLine } from "../output.ts";
import { readPassword } from "../password.ts";
import { repeat } from "./apps.ts";

type Open = (command: Command) => Context;

const words = { noun: "pass phrase", flag: "--passphrase-stdin", variable: "PORTOLAN_PASSPHRASE" };

const passphraseOf = (context: Context, isFromStdin: boolean | undefined, isNew: boolean): Promise<string> =>
  readPassword(
    { stdin: context.stdin, err: context.screen.err, fromEnvironment: context.config.passphrase },
    isFromStdin === true,
    { ...words, isNew },
  );

interface ExportFlags {
  backup: string;
  out: string;
  passphraseStdin?: boolean;
}

const exportChain = async (context: Context, chain: string, flags: ExportFlags): Promise<void> => {
  const { backup, out } = flags;
  if (existsSync(out))
    throw new CliFailure(`${out} is there already.`, {
      exitCode: exitCodes.usage,
      hint: "An export is not written over anything: name another file.",
    });
  const client = await context.client();
  const passphrase = await passphraseOf(context, flags.passphraseStdin, true);
  const document = await client.chains.export({ params: { chain }, body: { backup, passphrase } });
  await writeJsonFile(out, document);
  if (context.isJson) return writeLine(context.screen.out, JSON.stringify({ file: out, ...document.backup }));
  const directory = backup.replace("_", "-");
  writeLine(context.screen.out, `${out} has the keys of ${chain}, sealed with the pass phrase. Keep the two apart.`);
  writeLine(context.screen.out, `Its data is the directory ${directory} of the backup store: bring it along.`);
};

interface ImportFlags {
  app: string;
  name?: string;
  region?: string[];
  passphraseStdin?: boolean;
  detach?: boolean;
}

const toRegions = (pairs: readonly string[]): { [from: string]: string } =>
  Object.fromEntries(
    pairs.map((pair) => {
      const [from = "", to = ""] = pair.split("=", 2);
      if (from !== "" && to !== "") return [from, to];
      throw new CliFailure(`--region ${pair} is not FROM=TO.`, { exitCode: exitCodes.usage });
    }),
  );

const importChain = async (context: Context, file: string, flags: ImportFlags): Promise<void> => {
  const regions = toRegions(flags.region ?? []);
  const document = await readJsonFile(file, chainExport, "Take the file as `portolan chains export` wrote it.");
  if (document === undefined) throw new CliFailure(`There is no file ${file}.`, { exitCode: exitCodes.usage });
  const client = await context.client();
  const passphrase = await passphraseOf(context, flags.passphraseStdin, false);
  const { app, name } = flags;
  const operation = await client.chains.import({
    body: { export: document, passphrase, app, regions, ...(name === undefined ? {} : { name }) },
    idempotencyKey: crypto.randomUUID(),
  });
  await context.follow(operation, { isDetached: flags.detach === true });
};

/** `chains export` and `chains import`. */
export const addTransferCommands = (chains: Command, open: Open): void => {
  chains
    .command("export <chain>")
    .description("write what a backup needs to come to life on another plane, its keys sealed with a pass phrase")
    .requiredOption("--backup <id>", "the backup that it is for")
    .requiredOption("--out <file>", "where to write it (mode 0600)")
    .option("--passphrase-stdin", "read the pass phrase from standard input")
    .action((chain: string, flags: ExportFlags, command: Command) => exportChain(open(command), chain, flags));
  chains
    .command("import <file>")
    .description("bring a chain to life from an export and its backup in this plane's store")
    .requiredOption("--app <id>", "the app that pays")
    .option("--name <name>", "another name")
    .option(
      "--region <from=to>",
      "where a region of the export is here, if it is called otherwise (repeatable)",
      repeat,
    )
    .option("--passphrase-stdin", "read the pass phrase from standard input")
    .option("--detach", "don't wait for the operation")
    .action((file: string, flags: ImportFlags, command: Command) => importChain(open(command), file, flags));
};
