import { lstat } from "node:fs/promises";
import { openKeyFile } from "@portolan/custody";
import { z } from "zod";
import { readJsonFile } from "../json-file.ts";
import { readFirstChainRecord } from "./first-chain-record.ts";
import type { Home } from "./home.ts";

const operatorFile = z.object({ email: z.string(), password: z.string() });
const rolesFile = z.object({ owner: z.string(), app: z.string(), system: z.string() }).partial();

/** The operator's account; undefined before the first start. @throws CliFailure when the file holds something else. */
export const readOperatorFile = (home: Home) =>
  readJsonFile(
    home.at("operator.json"),
    operatorFile,
    'Restore it from a backup, or write {"email": "…", "password": "…"} into it as they are: a start does not change the account.',
  );

/**
 * Reads what former starts left in the home, so that a damaged file is said before anything is made.
 * @throws CliFailure, or custody's error, that names the file and what to do.
 */
export const checkHomeFiles = async (home: Home): Promise<void> => {
  const hasKey = await lstat(home.at("kek")).then(
    () => true,
    () => false,
  );
  if (hasKey) await openKeyFile(home.at("kek"), { mayMake: async () => false });
  await readOperatorFile(home);
  await readFirstChainRecord(home.at("first-chain.json"));
  await readJsonFile(
    home.at("database-roles.json"),
    rolesFile,
    "Delete it: the next start gives the roles new passwords.",
  );
};
