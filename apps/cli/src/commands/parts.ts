import type { OperationResource, PartResource } from "@portolan/contract";
import { builtInPartKinds, type PartKind } from "@portolan/frameworks";
import { listAll, type PortolanClient } from "@portolan/sdk";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { writeLine } from "../output.ts";
import { collect, repeat } from "./apps.ts";
import { readSettings } from "./setting-flags.ts";

const withArticle = (title: string): string => (/^[aeiou]/.test(title) ? `an ${title}` : `a ${title}`);

type Open = (command: Command) => Context;

const columns = ["id", "name", "state", "createdAt"];
const row = (part: PartResource) => ({ ...part, settings: null, detail: null });

/** The same calls for every kind: their routes were made from the same values. */
interface AnyCalls {
  call(operationId: string, input: object): Promise<unknown>;
}
const callsOf = (client: PortolanClient): AnyCalls => client as unknown as AnyCalls;

interface ChangeFlags {
  set?: string[];
  settings?: string;
  detach?: boolean;
}

const follow = (context: Context, operation: unknown, flags: ChangeFlags): Promise<void> =>
  // What a route of parts answers to a change is an operation, whichever kind it is of.
  context.follow(operation as OperationResource, { isDetached: flags.detach === true });

const list = async (context: Context, { plural }: PartKind, chain: string): Promise<void> => {
  const calls = callsOf(await context.client());
  const pages = listAll(
    (query) =>
      calls.call(`${plural}.list`, { params: { chain }, query }) as Promise<{
        items: PartResource[];
        nextPageToken: string | null;
      }>,
  );
  const items = await collect(pages, 1_000);
  context.print(items, items.map(row), columns);
};

const get = async (context: Context, { plural, kind }: PartKind, chain: string, part: string): Promise<void> => {
  const calls = callsOf(await context.client());
  const found = (await calls.call(`${plural}.get`, { params: { chain, [kind]: part } })) as PartResource;
  context.print(found, [row(found)], columns);
  if (context.isJson) return;
  const { settings, detail } = found;
  writeLine(context.screen.out, `\n${JSON.stringify({ settings, detail }, null, 2)}`);
};

const withSettings = (command: Command, title: string): Command =>
  command
    .option(
      "--set <name=value>",
      `a setting of the ${title} (a.b=value: a member of it), as JSON, text or @file (repeatable)`,
      repeat,
    )
    .option("--settings <file>", "all settings, as a file of JSON")
    .option("--detach", "don't wait for the operation");

const addKind = (program: Command, open: Open, kind: PartKind): void => {
  const { plural, title, kind: word } = kind;
  const group = program.command(plural).description(`${plural} inside a chain`);
  group
    .command("list <chain>")
    .description(`list a chain's ${plural}`)
    .action((chain: string, _: unknown, command: Command) => list(open(command), kind, chain));
  group
    .command(`get <chain> <${word}>`)
    .description(`${withArticle(title)}, by id or name, with its settings and what is known of it`)
    .action((chain: string, part: string, _: unknown, command: Command) => get(open(command), kind, chain, part));
  withSettings(group.command("create <chain> <name>").description(`make ${withArticle(title)}`), title).action(
    async (chain: string, name: string, flags: ChangeFlags, command: Command) => {
      const context = open(command);
      const body = { name, settings: readSettings(flags, kind.settings) };
      const input = { params: { chain }, body, idempotencyKey: crypto.randomUUID() };
      await follow(context, await callsOf(await context.client()).call(`${plural}.create`, input), flags);
    },
  );
  if (kind.update === "settings") {
    withSettings(
      group.command(`update <chain> <${word}>`).description(`change ${withArticle(title)}'s settings`),
      title,
    ).action(async (chain: string, part: string, flags: ChangeFlags, command: Command) => {
      const context = open(command);
      const input = { params: { chain, [word]: part }, body: { settings: readSettings(flags, kind.settings) } };
      await follow(context, await callsOf(await context.client()).call(`${plural}.update`, input), flags);
    });
  }
  if (kind.deletable) {
    group
      .command(`delete <chain> <${word}>`)
      .description(`delete ${withArticle(title)}; supersedes whatever else runs on it`)
      .option("--detach", "don't wait for the operation")
      .action(async (chain: string, part: string, flags: ChangeFlags, command: Command) => {
        const context = open(command);
        const input = { params: { chain, [word]: part } };
        await follow(context, await callsOf(await context.client()).call(`${plural}.delete`, input), flags);
      });
  }
};

/** Commands for each kind of part that a framework has: made from the kind, like its routes. */
export const addPartCommands = (program: Command, open: Open): void => {
  for (const kind of builtInPartKinds) addKind(program, open, kind);
};
