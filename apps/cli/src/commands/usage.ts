import { listAll } from "@portolan/sdk";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { renderMoney, writeLine } from "../output.ts";
import { collect } from "./apps.ts";

type Open = (command: Command) => Context;

interface UsageFlags {
  from?: string;
  to?: string;
  groupBy: string;
}

const usage = async (context: Context, app: string, flags: UsageFlags): Promise<void> => {
  const { from, to, groupBy } = flags;
  const found = await (await context.client()).usage.get({
    params: { app },
    query: { groupBy, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) },
  });
  const rows = found.items.map((item) => ({ ...item, subject: item.subject?.id }));
  context.print(found, rows, ["sku", "subject", "method", "region", "from", "quantity", "unit", "count"]);
};

const bill = async (context: Context, app: string, flags: { period?: string }): Promise<void> => {
  const found = await (await context.client()).bills.get({
    params: { app },
    query: flags.period === undefined ? {} : { period: flags.period },
  });
  const rows = found.lines.map((line) => ({
    sku: line.sku,
    subject: line.subject.id,
    region: line.region,
    quantity: line.quantity,
    unit: line.unit,
    amount: renderMoney(line.amount),
  }));
  context.print(found, rows, ["sku", "subject", "region", "quantity", "unit", "amount"]);
  if (!context.isJson) writeLine(context.screen.out, `\n${renderMoney(found.total)} for ${found.period}`);
};

const requests = async (context: Context, app: string, flags: { chain?: string; limit: string }): Promise<void> => {
  const client = await context.client();
  const filter = flags.chain === undefined ? {} : { chainId: flags.chain };
  const pages = listAll((at) => client.requests.list({ params: { app }, query: { ...filter, ...at } }));
  const items = await collect(pages, Number(flags.limit));
  context.print(items, items, ["at", "chainId", "keyId", "method", "status", "code", "durationMs"]);
};

export const addUsageCommands = (program: Command, open: Open): void => {
  program
    .command("usage <app>")
    .description("what an app used")
    .option("--from <time>", "RFC 3339; default: the start of this month")
    .option("--to <time>", "RFC 3339; default: now")
    .option("--group-by <dimensions>", "chain, method, key, region, hour, day; with commas", "chain")
    .action((app: string, flags: UsageFlags, command: Command) => usage(open(command), app, flags));
  program
    .command("requests <app>")
    .description("an app's last calls, one by one, newest first")
    .option("--chain <id>", "only of this chain")
    .option("--limit <calls>", "how many", "50")
    .action((app: string, flags: { chain?: string; limit: string }, command: Command) =>
      requests(open(command), app, flags),
    );
  program
    .command("bill <app>")
    .description("an app's bill of one month, so far if it is this month")
    .option("--period <month>", "e.g. 2026-11")
    .action((app: string, flags: { period?: string }, command: Command) => bill(open(command), app, flags));
};
