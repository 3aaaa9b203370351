import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { readJsonFile, writeJsonFile } from "./json-file.ts";

const schema = z.object({
  apiUrl: z.url(),
  email: z.string(),
  token: z.string(),
  refreshToken: z.string(),
  expiresAt: z.string(),
});

/** Who is signed in where. */
export type Profile = z.output<typeof schema>;

export interface ProfileStore {
  load(): Promise<Profile | undefined>;
  save(profile: Profile): Promise<void>;
  remove(): Promise<void>;
}

/** The profile as a file of mode 0600 in the user's configuration directory. */
export const createProfileStore = (path: string): ProfileStore => ({
  load: () => readJsonFile(path, schema, "Delete it and sign in again: portolan login."),
  save: async (profile) => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeJsonFile(path, profile);
  },
  remove: () => rm(path, { force: true }),
});
