import { listAll } from "@portolan/sdk";
import { type Command, Option } from "commander";
import type { Context } from "../context.ts";
import { writeLine } from "../output.ts";
import { collect } from "./apps.ts";

type Open = (command: Command) => Context;

const roles = ["admin", "developer", "finance", "viewer"] as const;
type Role = (typeof roles)[number];

const columns = ["id", "name", "role", "prefix", "expiresAt", "revokedAt", "lastUsedAt"];

const list = async (context: Context): Promise<void> => {
  const client = await context.client();
  const items = await collect(
    listAll((at) => client.serviceAccounts.list({ query: at })),
    1_000,
  );
  context.print(items, items, columns);
};

const sayOnce = (context: Context): void => {
  if (!context.isJson) writeLine(context.screen.err, "The secret is shown only now.");
};

// No Idempotency-Key at either: a replay would come without the secret.
const create = async (context: Context, name: string, flags: { role: Role; expires?: string }): Promise<void> => {
  const { role, expires } = flags;
  const made = await (await context.client()).serviceAccounts.create({
    body: { name, role, ...(expires === undefined ? {} : { expiresAt: expires }) },
  });
  context.print(made, [made], ["id", "name", "role", "expiresAt", "secret"]);
  sayOnce(context);
};

const rotate = async (context: Context, serviceAccount: string): Promise<void> => {
  const made = await (await context.client()).serviceAccounts.rotate({ params: { serviceAccount }, body: {} });
  context.print(made, [made], ["id", "name", "role", "expiresAt", "secret"]);
  sayOnce(context);
};

const revoke = async (context: Context, serviceAccount: string): Promise<void> => {
  await (await context.client()).serviceAccounts.revoke({ params: { serviceAccount } });
  context.print({ id: serviceAccount, isRevoked: true }, [{ id: serviceAccount, state: "revoked" }], ["id", "state"]);
};

export const addServiceAccountCommands = (program: Command, open: Open): void => {
  const accounts = program.command("service-accounts").description("credentials of machines, for PORTOLAN_TOKEN");
  accounts
    .command("list")
    .description("list them; no secret is shown")
    .action((_: unknown, command: Command) => list(open(command)));
  accounts
    .command("create <name>")
    .description("make one; its secret is shown once")
    .addOption(new Option("--role <role>", "what it may do").choices(roles).makeOptionMandatory())
    .option("--expires <time>", "RFC 3339")
    .action((name: string, flags: { role: Role; expires?: string }, command: Command) =>
      create(open(command), name, flags),
    );
  accounts
    .command("rotate <service-account>")
    .description("give it a new secret; the old one ends at once")
    .action((id: string, _: unknown, command: Command) => rotate(open(command), id));
  accounts
    .command("revoke <service-account>")
    .description("end it")
    .action((id: string, _: unknown, command: Command) => revoke(open(command), id));
};
