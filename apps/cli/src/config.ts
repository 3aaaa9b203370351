import { homedir } from "node:os";
import { join } from "node:path";
import { type EnvSource, parseEnv } from "@portolan/kit";
import { z } from "zod";

const schema = z.object({
  PORTOLAN_API_URL: z.url().optional(),
  PORTOLAN_TOKEN: z.string().optional(),
  PORTOLAN_CONFIG: z.string().optional(),
  PORTOLAN_PASSWORD: z.string().optional(),
  XDG_CONFIG_HOME: z.string().optional(),
  APPDATA: z.string().optional(),
});

export interface CliConfig {
  /** Overrides the profile's. */
  apiUrl: string | undefined;
  /** Overrides the profile's session: for CI. */
  token: string | undefined;
  password: string | undefined;
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
    token: env.PORTOLAN_TOKEN,
    password: env.PORTOLAN_PASSWORD,
    profileFile: env.PORTOLAN_CONFIG ?? join(base, "portolan", "profile.json"),
  };
};
