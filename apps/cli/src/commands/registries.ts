import { readFile, stat } from "node:fs/promises";
import type { RegistryCredentialResource } from "@portolan/contract";
import { listAll } from "@portolan/sdk";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { readPassword } from "../password.ts";
import { collect } from "./apps.ts";

type Open = (command: Command) => Context;

const columns = ["host", "username", "setAt"];
const maxBytes = 10_000;

interface SetFlags {
  username: string;
  passwordStdin?: boolean;
  passwordFile?: string;
}

/** A token's file ends with a line's end that is none of it; a key's file has some inside. */
const withoutLastEnd = (text: string): string => text.replace(/\r?\n$/, "");

const wrong = (message: string, hint?: string): CliFailure =>
  new CliFailure(message, { exitCode: exitCodes.usage, ...(hint === undefined ? {} : { hint }) });

const readAll = async (stdin: Context["stdin"]): Promise<string> => {
  let text = "";
  for await (const piece of stdin) {
    text += String(piece);
    if (text.length > maxBytes) throw wrong("What was piped in is too long for a password.");
  }
  return text;
};

const readSecretFile = async (path: string): Promise<string> => {
  try {
    if ((await stat(path)).size <= maxBytes) return await readFile(path, "utf8");
  } catch (error) {
    throw wrong(`${path} can't be read (${error instanceof Error && "code" in error ? error.code : "unknown"}).`);
  }
  throw wrong(`${path} is too long for a password.`);
};

/** From a file, a pipe or a prompt without echo; never from an argument, which every user of the machine can read. */
const passwordOf = async (context: Context, flags: SetFlags): Promise<string> => {
  if (flags.passwordFile !== undefined && flags.passwordStdin === true)
    throw wrong("--password-file and --password-stdin are two places: name one.");
  if (flags.passwordFile === undefined && flags.passwordStdin !== true)
    return readPassword({ stdin: context.stdin, err: context.screen.err, fromEnvironment: undefined }, false, {
      noun: "password",
      flag: "--password-stdin or name a file with --password-file",
    });
  const text = withoutLastEnd(
    flags.passwordFile === undefined ? await readAll(context.stdin) : await readSecretFile(flags.passwordFile),
  );
  if (text === "") throw wrong("The password is empty.");
  return text;
};

const setRegistry = async (context: Context, app: string, registry: string, flags: SetFlags): Promise<void> => {
  const client = await context.client();
  const password = await passwordOf(context, flags);
  const body = { username: flags.username, password };
  const made = await client.registries.set({ params: { app, registry }, body });
  context.print(made, [made], columns);
};

const listRegistries = async (context: Context, app: string): Promise<void> => {
  const client = await context.client();
  const items: RegistryCredentialResource[] = await collect(
    listAll((at) => client.registries.list({ params: { app }, query: at })),
    1_000,
  );
  context.print(items, items, columns);
};

const removeRegistry = async (context: Context, app: string, registry: string): Promise<void> => {
  await (await context.client()).registries.remove({ params: { app, registry } });
  context.print({ host: registry, isRemoved: true }, [{ host: registry, state: "removed" }], ["host", "state"]);
};

/** `registries set`, `list` and `remove`. */
export const addRegistryCommands = (program: Command, open: Open): void => {
  const registries = program.command("registries").description("an app's credentials for registries of its own images");
  registries
    .command("set <app> <host>")
    .description("set them, or others; chains take them up without a restart")
    .requiredOption("--username <name>", "as the registry knows it")
    .option("--password-stdin", "read the password (or token, or key's file) from standard input")
    .option("--password-file <file>", "read it from a file")
    .action((app: string, host: string, flags: SetFlags, command: Command) =>
      setRegistry(open(command), app, host, flags),
    );
  registries
    .command("list <app>")
    .description("for which registries there are some; no password is shown")
    .action((app: string, _flags: unknown, command: Command) => listRegistries(open(command), app));
  registries
    .command("remove <app> <host>")
    .description("forget them, here and where they were laid")
    .action((app: string, host: string, _flags: unknown, command: Command) => removeRegistry(open(command), app, host));
};
