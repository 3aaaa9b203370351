import type { AppResource, KeyResource } from "@portolan/contract";
import { listAll } from "@portolan/sdk";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { CliFailure, exitCodes } from "../failure.ts";
import { writeLine } from "../output.ts";

type Open = (command: Command) => Context;

const appColumns = ["id", "name", "state", "createdAt"];
const keyColumns = ["id", "name", "prefix", "scopes", "expiresAt", "revokedAt"];

const keyRow = (key: KeyResource) => ({ ...key, scopes: key.scopes.join(","), allow: null });

/** Everything of a list, bounded by what a person asked for. */
export const collect = async <Item>(items: AsyncIterable<Item>, limit: number): Promise<Item[]> => {
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new CliFailure("--limit takes a whole number from 1.", { exitCode: exitCodes.usage });
  const found: Item[] = [];
  for await (const item of items) {
    found.push(item);
    if (found.length >= limit) break;
  }
  return found;
};

/** A repeatable option. */
export const repeat = (value: string, former: string[] | undefined): string[] => [...(former ?? []), value];

const listApps = async (context: Context): Promise<void> => {
  const client = await context.client();
  const items: AppResource[] = await collect(
    listAll((at) => client.apps.list({ query: at })),
    1_000,
  );
  context.print(items, items, appColumns);
};

const createApp = async (context: Context, name: string): Promise<void> => {
  const app = await (await context.client()).apps.create({ body: { name }, idempotencyKey: crypto.randomUUID() });
  context.print(app, [app], appColumns);
};

const listKeys = async (context: Context, app: string): Promise<void> => {
  const client = await context.client();
  const items = await collect(
    listAll((at) => client.keys.list({ params: { app }, query: at })),
    1_000,
  );
  context.print(items, items.map(keyRow), keyColumns);
};

interface KeyFlags {
  scope?: string[];
  origin?: string[];
  address?: string[];
  method?: string[];
  expires?: string;
}

const createKey = async (context: Context, app: string, name: string, flags: KeyFlags): Promise<void> => {
  const { origin: origins = [], address: addresses = [], method: methods = [], expires } = flags;
  const isRestricted = origins.length + addresses.length + methods.length > 0;
  // The server judges scopes; an unknown one comes back as a problem with its path.
  const scopes = (flags.scope ?? ["rpc"]) as ("rpc" | "rpc:dev")[];
  // No Idempotency-Key: a replay would come without the secret.
  const key = await (await context.client()).keys.create({
    params: { app },
    body: {
      name,
      scopes,
      ...(isRestricted ? { allow: { origins, addresses, methods } } : {}),
      ...(expires === undefined ? {} : { expiresAt: expires }),
    },
  });
  context.print(key, [{ ...keyRow(key), secret: key.secret }], [...keyColumns.slice(0, 4), "secret"]);
  if (!context.isJson) writeLine(context.screen.err, "The secret is shown only now.");
};

const revokeKey = async (context: Context, app: string, key: string): Promise<void> => {
  await (await context.client()).keys.revoke({ params: { app, key } });
  context.print({ id: key, isRevoked: true }, [{ id: key, state: "revoked" }], ["id", "state"]);
};

export const addAppCommands = (program: Command, open: Open): void => {
  const apps = program.command("apps").description("apps, the unit that is billed");
  apps
    .command("list")
    .description("list your apps")
    .action((_flags: unknown, command: Command) => listApps(open(command)));
  apps
    .command("create <name>")
    .description("make an app")
    .action((name: string, _flags: unknown, command: Command) => createApp(open(command), name));
  const keys = program.command("keys").description("an app's keys for the gateway");
  keys
    .command("list <app>")
    .description("list its keys; no secret is shown")
    .action((app: string, _flags: unknown, command: Command) => listKeys(open(command), app));
  keys
    .command("create <app> <name>")
    .description("make a key; its secret is shown once")
    .option("--scope <scope>", "rpc, rpc:dev, … (repeatable; default rpc)", repeat)
    .option("--origin <origin>", "allow only this origin (repeatable)", repeat)
    .option("--address <address>", "allow only calls to this contract (repeatable)", repeat)
    .option("--method <method>", "allow only this method (repeatable)", repeat)
    .option("--expires <time>", "RFC 3339")
    .action((app: string, name: string, flags: KeyFlags, command: Command) =>
      createKey(open(command), app, name, flags),
    );
  keys
    .command("revoke <app> <key>")
    .description("end a key; the gateway refuses it from then on")
    .action((app: string, key: string, _flags: unknown, command: Command) => revokeKey(open(command), app, key));
};
