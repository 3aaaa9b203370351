import type { BackupResource } from "@portolan/contract";
import { listAll } from "@portolan/sdk";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { writeLine } from "../output.ts";
import { collect } from "./apps.ts";

type Open = (command: Command) => Context;

const columns = ["id", "chainId", "state", "sizeBytes", "framework", "version", "createdAt", "error"];
const backupRow = (backup: BackupResource) => ({
  ...backup,
  nodes: backup.nodes.join(","),
  error: backup.error?.message ?? null,
});

const list = async (context: Context, chain: string): Promise<void> => {
  const client = await context.client();
  const items = await collect(
    listAll((at) => client.backups.list({ params: { chain }, query: at })),
    1_000,
  );
  context.print(items, items.map(backupRow), columns);
};

const create = async (context: Context, chain: string, flags: { detach?: boolean }): Promise<void> => {
  const client = await context.client();
  const idempotencyKey = crypto.randomUUID();
  const operation = await client.backups.create({ params: { chain }, idempotencyKey });
  await context.follow(operation, { isDetached: flags.detach === true });
};

const get = async (context: Context, backup: string): Promise<void> => {
  const found = await (await context.client()).backups.get({ params: { backup } });
  context.print(found, [backupRow(found)], [...columns, "nodes"]);
};

const remove = async (context: Context, backup: string): Promise<void> => {
  await (await context.client()).backups.delete({ params: { backup } });
  if (!context.isJson) writeLine(context.screen.out, `${backup} is deleted.`);
};

const restore = async (context: Context, backup: string, flags: { detach?: boolean }): Promise<void> => {
  const client = await context.client();
  const { chainId: chain } = await client.backups.get({ params: { backup } });
  const idempotencyKey = crypto.randomUUID();
  const operation = await client.chains.restore({ params: { chain }, body: { backup }, idempotencyKey });
  await context.follow(operation, { isDetached: flags.detach === true });
};

export const addBackupCommands = (program: Command, open: Open): void => {
  const backups = program.command("backups").description("copies of chains' data");
  backups
    .command("list <chain>")
    .description("a chain's backups")
    .action((chain: string, _: unknown, command: Command) => list(open(command), chain));
  backups
    .command("create <chain>")
    .description("take one; the chain's nodes stand still meanwhile")
    .option("--detach", "don't wait for the operation")
    .action((chain: string, flags: { detach?: boolean }, command: Command) => create(open(command), chain, flags));
  backups
    .command("get <backup>")
    .description("one backup")
    .action((backup: string, _: unknown, command: Command) => get(open(command), backup));
  backups
    .command("restore <backup>")
    .description("put its data in the place of its chain's own")
    .option("--detach", "don't wait for the operation")
    .action((backup: string, flags: { detach?: boolean }, command: Command) => restore(open(command), backup, flags));
  backups
    .command("delete <backup>")
    .description("delete it; this can't be undone")
    .action((backup: string, _: unknown, command: Command) => remove(open(command), backup));
};
