import { listAll } from "@portolan/sdk";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { renderMoney } from "../output.ts";
import { collect } from "./apps.ts";

type Open = (command: Command) => Context;

const most = 1_000;

const frameworks = async (context: Context): Promise<void> => {
  const client = await context.client();
  const items = await collect(
    listAll((at) => client.frameworks.list({ query: at })),
    most,
  );
  const rows = items.map(({ slug, title, family, versions, plans, protocols }) => ({
    slug,
    title,
    family,
    versions: versions.map(({ version, isDefault }) => (isDefault ? `${version}*` : version)).join(","),
    plans: plans.join(","),
    protocols: protocols.join(","),
  }));
  context.print(items, rows, ["slug", "title", "family", "versions", "plans", "protocols"]);
};

const plans = async (context: Context, flags: { framework?: string }): Promise<void> => {
  const client = await context.client();
  const items = await collect(
    listAll((at) => client.plans.list({ query: { ...flags, ...at } })),
    most,
  );
  const rows = items.map(({ framework, plan, title, perMonth }) => ({
    framework,
    plan,
    title,
    perMonth: perMonth === null ? "not priced" : renderMoney(perMonth),
  }));
  context.print(items, rows, ["framework", "plan", "title", "perMonth"]);
};

export const addCatalogCommands = (program: Command, open: Open): void => {
  program
    .command("frameworks")
    .description("blockchain frameworks on offer; * marks the default version")
    .action((_: unknown, command: Command) => frameworks(open(command)));
  program
    .command("plans")
    .description("plans of each framework, with the price of a month")
    .option("--framework <slug>", "only of this framework")
    .action((flags: { framework?: string }, command: Command) => {
      const { framework } = flags;
      return plans(open(command), framework === undefined ? {} : { framework });
    });
};
