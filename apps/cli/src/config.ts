import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { type EnvSource, parseEnv } from "@portolan/kit";
import { z } from "zod";
import { port } from "./up/settings.ts";

const schema = z.object({
  PORTOLAN_API_URL: z.url().optional(),
  /** Where a plane of this machine listens; 0 says nothing. */
  PORTOLAN_API_PORT: port.optional(),
  PORTOLAN_HOME: z.string().optional(),
  PORTOLAN_PROGRAMS: z.string().optional(),
  PORTOLAN_REGIONS_FILE: z.string().min(1).optional(),
  PORTOLAN_TOKEN: z.string().optional(),
  PORTOLAN_CONFIG: z.string().optional(),
  PORTOLAN_PASSWORD: z.string().optional(),
  PORTOLAN_PASSPHRASE: z.string().optional(),
  XDG_CONFIG_HOME: z.string().optional(),
  APPDATA: z.string().optional(),
});

export interface CliConfig {
  /** Overrides the profile's. */
  apiUrl: string | undefined;
  /** From PORTOLAN_API_PORT: which plane of this machine is meant where no URL says it. */
  localUrl: string | undefined;
  /** The home that was asked for; undefined: the checkout's. */
  home: string | undefined;
  /** The operator's regions; undefined: in the home. */
  regionsFile: string | undefined;
  /** Where programs are installed, and found by a plane of this machine. */
  programsDir: string;
  /** Overrides the profile's session: for CI. */
  token: string | undefined;
  password: string | undefined;
  /** Of an export. */
  passphrase: string | undefined;
  profileFile: string;
}

export const defaultApiUrl = "http://127.0.0.1:4100";

/** @throws EnvError. */
export const readCliConfig = (source?: EnvSource): CliConfig => {
  const env = parseEnv(schema, source);
  const base =
    env.XDG_CONFIG_HOME ?? (process.platform === "win32" ? env.APPDATA : undefined) ?? join(homedir(), ".config");
  return {
    apiUrl: env.PORTOLAN_API_URL,
    localUrl: env.PORTOLAN_API_PORT ? `http://127.0.0.1:${env.PORTOLAN_API_PORT}` : undefined,
    home: env.PORTOLAN_HOME,
    regionsFile: env.PORTOLAN_REGIONS_FILE,
    programsDir: resolve(env.PORTOLAN_PROGRAMS ?? join(homedir(), ".portolan", "programs")),
    token: env.PORTOLAN_TOKEN,
    password: env.PORTOLAN_PASSWORD,
    passphrase: env.PORTOLAN_PASSPHRASE,
    profileFile: env.PORTOLAN_CONFIG ?? join(base, "portolan", "profile.json"),
  };
};
