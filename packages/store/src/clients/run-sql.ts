import pg from "pg";

/** Runs one statement and returns its rows. */
export type Query = (sql: string, parameters?: readonly unknown[]) => Promise<Record<string, unknown>[]>;

/**
 * Runs SQL on a connection of its own, which is closed afterwards: for bootstrap, maintenance and tests. Session locks
 * taken in `work` end with it.
 */
export async function runSql(url: string, work: string | ((query: Query) => Promise<void>)): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  // An unheard error event would end the process; the query that is under way fails anyhow.
  client.on("error", () => undefined);
  await client.connect();
  const query: Query = async (sql, parameters) => {
    // With no parameters a script of several statements is allowed.
    const result = await (parameters === undefined ? client.query(sql) : client.query(sql, [...parameters]));
    return result.rows ?? [];
  };
  try {
    if (typeof work === "string") await query(work);
    else await work(query);
  } finally {
    await client.end().catch(() => undefined);
  }
}
