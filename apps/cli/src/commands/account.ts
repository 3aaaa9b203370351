import type { Command } from "commander";
import type { Context } from "../context.ts";
import { CliFailure } from "../failure.ts";
import { writeLine } from "../output.ts";
import { readPassword } from "../password.ts";

type Open = (command: Command) => Context;

interface SignupFlags {
  email: string;
  tenant: string;
  country: string;
  portal: string;
  passwordStdin?: boolean;
}

interface LoginFlags {
  email: string;
  portal: string;
  tenant?: string;
  passwordStdin?: boolean;
}

interface Pair {
  token?: string | undefined;
  refreshToken?: string | undefined;
  expiresAt: string;
}

const passwordOf = (context: Context, flags: { passwordStdin?: boolean }) =>
  readPassword(
    { stdin: context.stdin, err: context.screen.err, fromEnvironment: context.config.password },
    flags.passwordStdin === true,
  );

const keep = async (context: Context, apiUrl: string, email: string, pair: Pair): Promise<void> => {
  const { token, refreshToken, expiresAt } = pair;
  if (token === undefined || refreshToken === undefined) throw new CliFailure("The API gave no token.");
  await context.profile.save({ apiUrl, email, token, refreshToken, expiresAt });
};

const signup = async (context: Context, flags: SignupFlags): Promise<void> => {
  const client = await context.anonymous();
  const { email, portal, country } = flags;
  const password = await passwordOf(context, flags);
  const made = await client.signup.create({
    body: { portal, email, password, country, tenant: { name: flags.tenant } },
  });
  await keep(context, client.baseUrl, email, made);
  // The tokens went into the profile; a screen or a log is no place for them.
  const { tenant, user, expiresAt } = made;
  context.print({ tenant, user, expiresAt }, [{ ...tenant, user: user.email }], ["id", "name", "portal", "user"]);
};

const login = async (context: Context, flags: LoginFlags): Promise<void> => {
  const client = await context.anonymous();
  const { email, portal, tenant } = flags;
  const password = await passwordOf(context, flags);
  const session = await client.sessions.create({
    body: { portal, email, password, ...(tenant === undefined ? {} : { tenant }) },
  });
  await keep(context, client.baseUrl, email, session);
  const shown = { email, apiUrl: client.baseUrl, expiresAt: session.expiresAt };
  context.print(shown, [shown], ["email", "apiUrl", "expiresAt"]);
};

const logout = async (context: Context): Promise<void> => {
  if ((await context.profile.load()) === undefined) {
    writeLine(context.screen.err, "You were not signed in.");
    return;
  }
  try {
    await (await context.client()).sessions.deleteCurrent();
  } finally {
    // Whatever the server says, this machine forgets.
    await context.profile.remove();
  }
  if (context.isJson) writeLine(context.screen.out, "{}");
  else writeLine(context.screen.err, "Signed out.");
};

const whoami = async (context: Context): Promise<void> => {
  const me = await (await context.client()).me.get();
  const row = {
    id: me.principal.id,
    email: me.user?.email,
    role: me.role,
    tenant: me.tenant.id,
    portal: me.tenant.portal,
  };
  context.print(me, [row], ["id", "email", "role", "tenant", "portal"]);
};

export const addAccountCommands = (program: Command, open: Open): void => {
  program
    .command("signup")
    .description("make a user and a tenant at a portal, and sign in")
    .requiredOption("--email <email>")
    .requiredOption("--tenant <name>", "name of your organisation")
    .requiredOption("--country <code>", "two letters, e.g. FR")
    .option("--portal <slug>", "portal", "global")
    .option("--password-stdin", "read the password from standard input")
    .action((flags: SignupFlags, command: Command) => signup(open(command), flags));
  program
    .command("login")
    .description("sign in")
    .requiredOption("--email <email>")
    .option("--portal <slug>", "portal", "global")
    .option("--tenant <id>", "when you are a member of several")
    .option("--password-stdin", "read the password from standard input")
    .action((flags: LoginFlags, command: Command) => login(open(command), flags));
  program
    .command("logout")
    .description("end the session here and at the server")
    .action((_flags: unknown, command: Command) => logout(open(command)));
  program
    .command("whoami")
    .description("who you are and what you may do")
    .action((_flags: unknown, command: Command) => whoami(open(command)));
};
