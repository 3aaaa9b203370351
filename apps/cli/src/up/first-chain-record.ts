import { randomBytes } from "node:crypto";
import { z } from "zod";
import { readJsonFile, writeJsonFile } from "../json-file.ts";

const schema = z.object({
  email: z.string(),
  password: z.string(),
  /** Before every Idempotency-Key, so that a step that was cut off is repeated and not doubled. */
  nonce: z.string(),
  tenantId: z.string().optional(),
  appId: z.string().optional(),
  key: z.object({ id: z.string(), secret: z.string() }).optional(),
  /** Attempts to make a key: one whose secret was lost with a crash is revoked and made anew. */
  keyAttempt: z.number().int().default(0),
  chainId: z.string().optional(),
  operationId: z.string().optional(),
  token: z.string().optional(),
  isDone: z.boolean().default(false),
});

/** How far the first chain has come; holds a password and a key, mode 0600. */
export type FirstChainRecord = z.output<typeof schema>;

export interface FirstChainFile {
  readonly value: FirstChainRecord;
  save(change: Partial<FirstChainRecord>): Promise<void>;
}

/** The record; undefined before there is one. @throws CliFailure when the file holds something else. */
export const readFirstChainRecord = (path: string): Promise<FirstChainRecord | undefined> =>
  readJsonFile(path, schema, "Delete it: the next start makes a first chain anew, and the former one stays as it is.");

/** Opens the record; a new one is on disk before anything is asked of the API. */
export const openFirstChainFile = async (path: string): Promise<FirstChainFile> => {
  const found = await readFirstChainRecord(path);
  let value: FirstChainRecord = found ?? {
    email: `first-chain-${randomBytes(4).toString("hex")}@portolan.local`,
    password: randomBytes(24).toString("base64url"),
    nonce: randomBytes(12).toString("hex"),
    keyAttempt: 0,
    isDone: false,
  };
  if (found === undefined) await writeJsonFile(path, value);
  return {
    get value() {
      return value;
    },
    save: async (change) => {
      value = { ...value, ...change };
      await writeJsonFile(path, value);
    },
  };
};
