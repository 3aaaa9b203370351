import { listAll } from "@portolan/sdk";
import type { Command } from "commander";
import { type Context, operationRow } from "../context.ts";
import { collect } from "./apps.ts";

type Open = (command: Command) => Context;

const columns = ["id", "kind", "target", "state", "progress", "error", "createdAt"];

const list = async (context: Context, flags: { chain?: string; limit: string }): Promise<void> => {
  const client = await context.client();
  const filter = flags.chain === undefined ? {} : { chainId: flags.chain };
  const items = await collect(
    listAll((at) => client.operations.list({ query: { ...filter, ...at } })),
    Number(flags.limit),
  );
  context.print(items, items.map(operationRow), columns);
};

const get = async (context: Context, operation: string): Promise<void> => {
  const found = await (await context.client()).operations.get({ params: { operation } });
  context.print(found, [operationRow(found)], columns);
};

const wait = async (context: Context, operation: string, flags: { timeout?: string }): Promise<void> => {
  const found = await (await context.client()).operations.get({ params: { operation } });
  await context.follow(found, {
    isDetached: false,
    ...(flags.timeout === undefined ? {} : { timeoutMs: Number(flags.timeout) * 1000 }),
  });
};

const cancel = async (context: Context, operation: string): Promise<void> => {
  const client = await context.client();
  const found = await client.operations.cancel({ params: { operation }, idempotencyKey: crypto.randomUUID() });
  context.print(found, [operationRow(found)], columns);
};

const retry = async (context: Context, operation: string, flags: { detach?: boolean }): Promise<void> => {
  const client = await context.client();
  const found = await client.operations.retry({ params: { operation }, idempotencyKey: crypto.randomUUID() });
  await context.follow(found, { isDetached: flags.detach === true });
};

export const addOperationCommands = (program: Command, open: Open): void => {
  const operations = program.command("operations").description("long changes");
  operations
    .command("list")
    .description("list them")
    .option("--chain <id>", "only of this chain")
    .option("--limit <number>", "newest first", "50")
    .action((flags: { chain?: string; limit: string }, command: Command) => list(open(command), flags));
  operations
    .command("get <operation>")
    .description("one of them with its steps")
    .action((id: string, _: unknown, command: Command) => get(open(command), id));
  operations
    .command("wait <operation>")
    .description("follow it to its end")
    .option("--timeout <seconds>", "give up waiting after this")
    .action((id: string, flags: { timeout?: string }, command: Command) => wait(open(command), id, flags));
  operations
    .command("cancel <operation>")
    .description("go back: a create is deleted, an update returns to the former settings")
    .action((id: string, _: unknown, command: Command) => cancel(open(command), id));
  operations
    .command("retry <operation>")
    .description("try one that needs attention again, now")
    .option("--detach", "don't wait for it")
    .action((id: string, flags: { detach?: boolean }, command: Command) => retry(open(command), id, flags));
};
