import { listAll } from "@portolan/sdk";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { collect } from "./apps.ts";

type Open = (command: Command) => Context;

const audit = async (context: Context, flags: { limit: string }): Promise<void> => {
  const client = await context.client();
  const pages = listAll((at) => client.audit.list({ query: at }));
  const items = await collect(pages, Number(flags.limit));
  const rows = items.map(({ seq, createdAt, actor, action, target, requestId }) => ({
    seq,
    createdAt,
    actor: actor.id,
    action,
    target: target.id,
    requestId,
  }));
  context.print(items, rows, ["seq", "createdAt", "actor", "action", "target", "requestId"]);
};

export const addAuditCommands = (program: Command, open: Open): void => {
  program
    .command("audit")
    .description("who did what, newest first")
    .option("--limit <events>", "how many", "50")
    .action((flags: { limit: string }, command: Command) => audit(open(command), flags));
};
