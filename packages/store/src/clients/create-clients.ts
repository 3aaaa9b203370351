import { PrismaPg } from "@prisma/adapter-pg";
import { type Prisma, PrismaClient } from "../generated/client.ts";

/** Columns that hold sealed bytes or hashes of secrets: absent from every result that does not ask for them. */
const omit = {
  user: { passwordHash: true },
  session: { refreshHash: true, formerHash: true },
  serviceAccount: { secretHash: true },
  key: { secretHash: true },
  registryCredential: { sealed: true },
  material: { sealed: true },
  authorityKey: { sealed: true },
} as const satisfies Prisma.GlobalOmitConfig;

export type StoreClient = PrismaClient<never, typeof omit>;
/** What a transaction's body gets. */
export type StoreTransaction = Parameters<Parameters<StoreClient["$transaction"]>[0]>[0];

export interface StoreClients {
  /** Role app: sees one tenant's rows, inside `withTenant` only. */
  app: StoreClient;
  /** Role system: sees all tenants. For the uses that its repositories name. */
  system: StoreClient;
  close(): Promise<void>;
}

export interface ClientsOptions {
  appUrl: string;
  systemUrl: string;
  /** Connections per role; default 10. */
  poolSize?: number;
  /** Shown in pg_stat_activity. */
  applicationName?: string;
}

/** One Prisma client per database role. Connects on first use; `close` ends both pools. */
export function createClients(options: ClientsOptions): StoreClients {
  const app = open(options.appUrl, options);
  const system = open(options.systemUrl, options);
  return {
    app,
    system,
    close: async () => {
      await Promise.all([app.$disconnect(), system.$disconnect()]);
    },
  };
}

function open(url: string, options: ClientsOptions): StoreClient {
  const adapter = new PrismaPg(
    {
      connectionString: url,
      max: options.poolSize ?? 10,
      connectionTimeoutMillis: 10_000,
      application_name: options.applicationName ?? "portolan",
    },
    // A connection that breaks while idle is replaced by the pool; unheard, the event would end the process.
    { onPoolError: () => undefined, onConnectionError: () => undefined },
  );
  return new PrismaClient({ adapter, omit, errorFormat: "minimal", transactionOptions: { maxWait: 10_000 } });
}
