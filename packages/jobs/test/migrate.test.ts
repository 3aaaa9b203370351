import { silentLogger } from "@portolan/kit";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createJobProducer, migrateJobs, placementsQueue } from "../src/index.ts";
import { startPostgres, type TestServer } from "./servers.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const connectionString = (): string => {
  if (server.connection.kind !== "postgres") throw new Error("not Postgres");
  return server.connection.connectionString;
};
const query = async (sql: string) => {
  const client = new pg.Client({ connectionString: connectionString() });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
};

test("the schema is made once, by several at once, stays in its own namespace, and serves granted roles only", async () => {
  await query("CREATE ROLE app LOGIN; CREATE ROLE system LOGIN; CREATE ROLE stranger LOGIN");
  await Promise.all([migrateJobs(server.connection), migrateJobs(server.connection)]);
  const grants = { grantTo: ["app", "system"] };
  await Promise.all([migrateJobs(server.connection, grants), migrateJobs(server.connection, grants)]);
  expect(await query("SELECT count(*)::int AS n FROM pg_tables WHERE schemaname = 'public'")).toEqual([{ n: 0 }]);
  const wakeAs = async (role: string, number = 0): Promise<boolean> => {
    const as = connectionString().replace("owner@", `${role}@`);
    const producer = createJobProducer({ kind: "postgres", connectionString: as }, { log: silentLogger });
    const isWoken = await producer.wake("placement.reconcile", {
      placementId: `plc_${"0".repeat(25)}${number}`,
      region: "eu-paris",
    });
    await producer.close();
    return isWoken;
  };
  expect(await wakeAs("stranger")).toBe(false);
  expect(await wakeAs("app", 1)).toBe(true);
  expect(await wakeAs("system", 2)).toBe(true);
  const rows = await query("SELECT DISTINCT queue FROM bullmq.job");
  expect(rows).toEqual([{ queue: placementsQueue("eu-paris") }]);
  await expect(migrateJobs(server.connection, { grantTo: ['x"; DROP TABLE y'] })).rejects.toThrow(RangeError);
});
