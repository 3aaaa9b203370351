import { join, resolve } from "node:path";
import { DomainError } from "@portolan/domain";
import {
  checkRuntime,
  type DeclaredRegion,
  demandSettings,
  type FlagValues,
  type RegionFinding,
  readRegionsFile,
  runtimeFlags,
  runtimeFromFlags,
  runtimeOf,
  writeRegionsFile,
} from "@portolan/runtimes";
import { listAll } from "@portolan/sdk";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { writeFindings } from "../doctor/finding.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { writeLine } from "../output.ts";
import { locateHome } from "../up/home.ts";
import { collect } from "./apps.ts";

type Open = (command: Command) => Context;

const most = 1_000;
/** A cluster that pulls an image for the first time, and then some. */
const checkMs = 180_000;

const list = async (context: Context): Promise<void> => {
  const client = await context.client();
  const items = await collect(
    listAll((at) => client.regions.list({ query: at })),
    most,
  );
  const rows = items.map(({ slug, name, provider, country, city, jurisdiction, state, reason }) => ({
    ...{ slug, name, provider, country, city, jurisdiction, state },
    reason: reason?.message,
  }));
  context.print(items, rows, ["slug", "name", "provider", "country", "city", "jurisdiction", "state", "reason"]);
};

/** The file that a plane of this machine reads; it need not exist. */
const locateFile = async ({ config, root }: Context): Promise<string> => {
  if (config.regionsFile !== undefined) return resolve(config.regionsFile);
  return (await locateHome(config.home ?? join(root, ".portolan"))).at("regions.json");
};

interface PlaceFlags {
  name?: string;
  country?: string;
  city?: string;
  provider?: string;
  jurisdiction?: string;
  operator?: string;
  replace?: boolean;
}

const columns = ["slug", "name", "provider", "country", "city", "jurisdiction", "runtime"];
const row = (region: DeclaredRegion) => ({ ...region, runtime: region.runtime.kind });

const takesEffect = (context: Context, path: string): void =>
  writeLine(context.screen.err, `${path} is written; a plane reads it when it starts.`);

/** What the command line says wrong is wrong usage. */
const chooseRuntime = (flags: FlagValues): ReturnType<typeof runtimeFromFlags> => {
  try {
    const { kind, settings } = runtimeFromFlags(flags);
    demandSettings(kind, settings);
    return { kind, settings };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const { message, hint } = error;
    throw new CliFailure(message, { exitCode: exitCodes.usage, ...(hint === undefined ? {} : { hint }) });
  }
};

const add = async (
  context: Context,
  slug: string,
  flags: PlaceFlags & { [name: string]: string | boolean | string[] | undefined },
): Promise<void> => {
  const path = await locateFile(context);
  const known = (await readRegionsFile(path)) ?? [];
  if (flags.replace !== true && known.some((region) => region.slug === slug)) {
    throw new CliFailure(`${path} has a region ${slug} already.`, {
      exitCode: exitCodes.usage,
      hint: "--replace puts this one in its place; its chains stay as they are.",
    });
  }
  const { kind, settings } = chooseRuntime(flags);
  const country = (flags.country ?? "ZZ").toUpperCase();
  const region: DeclaredRegion = {
    slug,
    name: flags.name ?? slug,
    country,
    city: flags.city ?? slug,
    provider: flags.provider ?? "own",
    jurisdiction: flags.jurisdiction ?? country.toLowerCase(),
    operator: flags.operator ?? "operator",
    runtime: { kind, ...settings },
  };
  await writeRegionsFile(path, [...known.filter((one) => one.slug !== slug), region]);
  takesEffect(context, path);
  context.print(region, [row(region)], columns);
};

const find = async (
  context: Context,
  slug: string,
): Promise<{ path: string; all: DeclaredRegion[]; found: DeclaredRegion }> => {
  const path = await locateFile(context);
  const all = (await readRegionsFile(path)) ?? [];
  const found = all.find((region) => region.slug === slug);
  if (found !== undefined) return { path, all, found };
  const there = all.map((region) => region.slug).join(", ");
  throw new CliFailure(`${path} has no region ${slug}.`, {
    exitCode: exitCodes.notFound,
    hint: there === "" ? "Add it: portolan regions add." : `There is ${there}.`,
  });
};

const remove = async (context: Context, slug: string): Promise<void> => {
  const { path, all, found } = await find(context, slug);
  await writeRegionsFile(
    path,
    all.filter((region) => region !== found),
  );
  takesEffect(context, path);
  writeLine(
    context.screen.err,
    "Its chains are left where they are; the region is closed, and they are unknown, until it is added again.",
  );
  context.print(found, [row(found)], columns);
};

const check = async (context: Context, slug: string): Promise<void> => {
  const { found } = await find(context, slug);
  const { kind, settings } = runtimeOf(found);
  const findings: RegionFinding[] = [];
  for await (const finding of checkRuntime(kind, settings, { signal: AbortSignal.timeout(checkMs) })) {
    findings.push(finding);
    if (!context.isJson) writeFindings(context.screen, [finding]);
  }
  if (context.isJson) writeLine(context.screen.out, JSON.stringify({ region: slug, findings }));
  const count = findings.filter(({ state }) => state === "wrong").length;
  if (count > 0) throw new CliFailure(count === 1 ? "One thing is wrong." : `${count} things are wrong.`);
};

export const addRegionCommands = (program: Command, open: Open): void => {
  const regions = program.command("regions").description("regions on offer, and those that this machine's plane runs");
  regions
    .command("list", { isDefault: true })
    .description("regions on offer")
    .action((_: unknown, command: Command) => list(open(command)));
  const adding = regions
    .command("add")
    .description("write a region into this machine's regions file; asks nothing and connects to nothing")
    .argument("<slug>", "its name for good: eu-paris")
    .option("--name <name>", "as people read it; default: the slug")
    .option("--country <code>", "two letters; default ZZ, nowhere")
    .option("--city <city>", "default: the slug")
    .option("--provider <name>", "whose machines they are; default own")
    .option("--jurisdiction <name>", "as policies name it; default: the country's letters")
    .option("--operator <name>", "who runs them; default operator")
    .option("--replace", "put it in the place of the one of that slug");
  for (const { flag, description } of runtimeFlags) adding.option(flag, description);
  adding.action((slug: string, flags: PlaceFlags, command: Command) => add(open(command), slug, { ...flags }));
  regions
    .command("remove")
    .description("take a region out of the file; nothing that runs there is touched")
    .argument("<slug>")
    .action((slug: string, _: unknown, command: Command) => remove(open(command), slug));
  regions
    .command("check")
    .description("prove what a region of the file can do, before it opens; leaves nothing behind")
    .argument("<slug>")
    .action((slug: string, _: unknown, command: Command) => check(open(command), slug));
};
