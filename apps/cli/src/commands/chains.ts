import type { ChainResource, OperationResource, QuoteResource } from "@portolan/contract";
import { listAll, type PortolanClient } from "@portolan/sdk";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { clean, renderMoney, renderTable, writeLine } from "../output.ts";
import { collect, repeat } from "./apps.ts";
import { readSettings } from "./setting-flags.ts";
import { addTransferCommands } from "./transfers.ts";

type Open = (command: Command) => Context;

const chainColumns = ["id", "name", "framework", "plan", "phase", "regions", "createdAt"];
const chainRow = (chain: ChainResource) => ({
  ...chain,
  regions: chain.regions.join(","),
  settings: null,
  planDefaults: null,
  conditions: null,
  endpoints: null,
});

interface ChainFlags {
  app: string;
  framework: string;
  chainVersion?: string;
  plan: string;
  region?: string[];
  set?: string[];
  detach?: boolean;
}

const toInput = (name: string, flags: ChainFlags) => ({
  appId: flags.app,
  name,
  framework: flags.framework,
  plan: flags.plan,
  regions: flags.region ?? ["local"],
  settings: readSettings({ set: flags.set ?? [] }),
  ...(flags.chainVersion === undefined ? {} : { version: flags.chainVersion }),
});

const list = async (context: Context, flags: { app?: string }): Promise<void> => {
  const client = await context.client();
  const filter = flags.app === undefined ? {} : { appId: flags.app };
  const items = await collect(
    listAll((at) => client.chains.list({ query: { ...filter, ...at } })),
    1_000,
  );
  context.print(items, items.map(chainRow), chainColumns);
};

const get = async (context: Context, chain: string): Promise<void> => {
  const found = await (await context.client()).chains.get({ params: { chain } });
  context.print(found, [chainRow(found)], chainColumns);
  if (context.isJson) return;
  const { out } = context.screen;
  writeLine(out, `\n${renderTable(found.conditions, ["type", "status", "reason", "message", "hint"])}`);
  if (found.endpoints.length > 0) writeLine(out, `\n${renderTable(found.endpoints, ["protocol", "region", "url"])}`);
};

const printQuote = (context: Context, quote: QuoteResource): void => {
  const rows = quote.cost.lines.map((line) => ({
    ...line,
    unitPrice: null,
    tiers: null,
    amount: renderMoney(line.amount),
  }));
  context.print(quote, rows, ["sku", "region", "quantity", "unit", "amount"]);
  if (context.isJson) return;
  const { out } = context.screen;
  writeLine(out, `\n${renderMoney(quote.cost.perMonth)} a month; ${quote.allowed ? "allowed" : "refused"}`);
  for (const reason of quote.reasons) writeLine(out, `  ${reason.verdict}  ${reason.rule}: ${clean(reason.message)}`);
};

const quote = async (context: Context, name: string, flags: ChainFlags): Promise<void> => {
  const found = await (await context.client()).chains.quote({ body: toInput(name, flags) });
  printQuote(context, found);
  if (!found.allowed) throw new CliFailure("The chain would be refused.", { exitCode: exitCodes.refused });
};

const create = async (context: Context, name: string, flags: ChainFlags): Promise<void> => {
  const client = await context.client();
  const operation = await client.chains.create({ body: toInput(name, flags), idempotencyKey: crypto.randomUUID() });
  await context.follow(operation, { isDetached: flags.detach === true });
};

interface UpdateFlags {
  name?: string;
  chainVersion?: string;
  plan?: string;
  set?: string[];
  settings?: string;
  quote?: boolean;
  detach?: boolean;
}

const update = async (context: Context, chain: string, flags: UpdateFlags): Promise<void> => {
  const client = await context.client();
  const settings = readSettings(flags);
  const body = {
    ...(flags.name === undefined ? {} : { name: flags.name }),
    ...(Object.keys(settings).length === 0 ? {} : { settings }),
    ...(flags.chainVersion === undefined ? {} : { version: flags.chainVersion }),
    ...(flags.plan === undefined ? {} : { plan: flags.plan }),
  };
  if (flags.quote === true) return printQuote(context, await client.chains.quoteUpdate({ params: { chain }, body }));
  const operation = await client.chains.update({ params: { chain }, body });
  await context.follow(operation, { isDetached: flags.detach === true });
};

const nodes = async (context: Context, chain: string): Promise<void> => {
  const client = await context.client();
  const items = await collect(
    listAll((at) => client.chains.nodes({ params: { chain }, query: at })),
    1_000,
  );
  const rows = items.map(({ outside, ...node }) => ({
    ...node,
    ...(outside === undefined ? {} : { outside: `${outside.host}:${outside.port}` }),
  }));
  const columns = ["name", "role", "region", "version", "state", "isHealthy", "height", "storageBytes"];
  context.print(items, rows, rows.some((row) => "outside" in row) ? [...columns, "outside"] : columns);
};

const logs = async (context: Context, chain: string, flags: { node?: string; since?: string; limit: string }) => {
  const { node, since, limit } = flags;
  const client = await context.client();
  const found = await client.chains.logs({
    params: { chain },
    query: { limit: Number(limit), ...(node === undefined ? {} : { node }), ...(since === undefined ? {} : { since }) },
  });
  if (context.isJson) return writeLine(context.screen.out, JSON.stringify(found));
  for (const line of found.lines) writeLine(context.screen.out, `${line.at} ${line.process}  ${clean(line.line)}`);
};

const events = async (context: Context, chain: string, flags: { limit: string }): Promise<void> => {
  const client = await context.client();
  const pages = listAll((at) => client.chains.events({ params: { chain }, query: at }));
  const items = await collect(pages, Number(flags.limit));
  context.print(
    items,
    items.map((item) => ({ ...item, detail: null })),
    ["createdAt", "type", "reason", "message"],
  );
};

type Wish = (client: PortolanClient, chain: string) => Promise<OperationResource>;

const wishes: { readonly [verb: string]: { description: string; send: Wish } } = {
  pause: {
    description: "stop its nodes; the data stays",
    send: (client, chain) => client.chains.pause({ params: { chain }, idempotencyKey: crypto.randomUUID() }),
  },
  resume: {
    description: "start a paused chain again",
    send: (client, chain) => client.chains.resume({ params: { chain }, idempotencyKey: crypto.randomUUID() }),
  },
  restore: {
    description: "bring a deleted chain back inside its recovery window",
    send: (client, chain) =>
      client.chains.restore({ params: { chain }, body: {}, idempotencyKey: crypto.randomUUID() }),
  },
  delete: {
    description: "delete it; supersedes whatever else runs on it",
    send: (client, chain) => client.chains.delete({ params: { chain } }),
  },
};

const addWishes = (chains: Command, open: Open): void => {
  for (const [verb, wish] of Object.entries(wishes)) {
    chains
      .command(`${verb} <chain>`)
      .description(wish.description)
      .option("--detach", "don't wait for the operation")
      .action(async (chain: string, flags: { detach?: boolean }, command: Command) => {
        const context = open(command);
        const operation = await wish.send(await context.client(), chain);
        await context.follow(operation, { isDetached: flags.detach === true });
      });
  }
};

const withInput = (command: Command): Command =>
  command
    .requiredOption("--app <id>", "the app that pays")
    .option("--framework <slug>", "framework", "anvil")
    .option("--chain-version <version>", "version of the framework; default: its newest")
    .option("--plan <slug>", "plan", "dev")
    .option("--region <slug>", "region (repeatable; default local)", repeat)
    .option("--set <name=value>", "a setting of the framework, as JSON or text (repeatable)", repeat);

export const addChainCommands = (program: Command, open: Open): void => {
  const chains = program.command("chains").description("blockchain networks");
  chains
    .command("list")
    .description("list your chains")
    .option("--app <id>", "only of this app")
    .action((flags: { app?: string }, command: Command) => list(open(command), flags));
  withInput(chains.command("quote <name>"))
    .description("what it would cost and need, and whether it is allowed")
    .action((name: string, flags: ChainFlags, command: Command) => quote(open(command), name, flags));
  withInput(chains.command("create <name>"))
    .description("provision a chain")
    .option("--detach", "don't wait for the operation")
    .action((name: string, flags: ChainFlags, command: Command) => create(open(command), name, flags));
  chains
    .command("get <chain>")
    .description("a chain with its conditions and endpoints")
    .action((chain: string, _: unknown, command: Command) => get(open(command), chain));
  chains
    .command("update <chain>")
    .description("change its settings, name, version or plan; what is not given stays")
    .option("--name <name>", "another name")
    .option("--chain-version <version>", "upgrade to this version of the framework")
    .option("--plan <slug>", "another plan: processors, memory and storage of its nodes")
    .option("--set <name=value>", "a setting, as JSON, text or @file; null: back to its default (repeatable)", repeat)
    .option("--settings <file>", "settings, as a file of JSON")
    .option("--quote", "only say what it would cost and need")
    .option("--detach", "don't wait for the operation")
    .action((chain: string, flags: UpdateFlags, command: Command) => update(open(command), chain, flags));
  chains
    .command("nodes <chain>")
    .description("its nodes and how they are")
    .action((chain: string, _: unknown, command: Command) => nodes(open(command), chain));
  chains
    .command("logs <chain>")
    .description("what its nodes wrote last")
    .option("--node <name>", "only of this node")
    .option("--since <time>", "RFC 3339")
    .option("--limit <lines>", "last lines", "200")
    .action((chain: string, flags: { node?: string; since?: string; limit: string }, command: Command) =>
      logs(open(command), chain, flags),
    );
  chains
    .command("events <chain>")
    .description("what happened to it")
    .option("--limit <events>", "last events", "50")
    .action((chain: string, flags: { limit: string }, command: Command) => events(open(command), chain, flags));
  addWishes(chains, open);
  addTransferCommands(chains, open);
};
