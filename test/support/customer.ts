import { randomBytes } from "node:crypto";
import type { OperationResource } from "@portolan/contract";
import { createPortolan, type PortolanClient } from "@portolan/sdk";
import { rpc } from "./json-rpc.ts";
import { createRest, type Rest } from "./rest.ts";
import { until } from "./until.ts";

/** A developer with a tenant, an app and a key that may do everything on a development chain. */
export interface Customer {
  sdk: PortolanClient;
  rest: Rest;
  token: string;
  tenantId: string;
  appId: string;
  /** The data-plane key's secret. */
  secret: string;
  keyId: string;
}

export interface Chain {
  id: string;
  /** For clients that take one URL: the key is the last part of the path. */
  url: string;
  operation: OperationResource;
}

export const newAccount = (portal: string, country: string) => ({
  portal,
  email: `dev-${randomBytes(6).toString("hex")}@example.org`,
  password: `correct horse ${randomBytes(9).toString("base64url")}`,
  country,
  tenant: { name: "Acme" },
});

export const signUp = async (
  plane: { api: string },
  { portal = "global", country = "FR" }: { portal?: string; country?: string } = {},
): Promise<Customer> => {
  const sdk = createPortolan({ baseUrl: plane.api, validate: true, retry: { maxAttempts: 8 } });
  const { tenant, token, refreshToken } = await sdk.signup.create({ body: newAccount(portal, country) });
  if (token === undefined || refreshToken === undefined) throw new Error("a signup answers with its tokens");
  sdk.setCredential({ token, refreshToken });
  const app = await sdk.apps.create({ body: { name: "shop" } });
  const key = await sdk.keys.create({ params: { app: app.id }, body: { name: "laptop", scopes: ["rpc", "rpc:dev"] } });
  if (key.secret === undefined) throw new Error("a new key shows its secret");
  return {
    sdk,
    rest: createRest(plane.api),
    token,
    tenantId: tenant.id,
    appId: app.id,
    secret: key.secret,
    keyId: key.id,
  };
};

export const chainBody = (
  customer: Pick<Customer, "appId">,
  {
    name = "ledger",
    plan = "dev",
    settings = {},
    regions = ["local"],
  }: { name?: string; plan?: string; settings?: object; regions?: string[] } = {},
) => ({
  appId: customer.appId,
  name,
  framework: "anvil",
  plan,
  regions,
  hosting: "dedicated" as const,
  settings: { ...settings },
});

/** Follows an operation to its end and throws what it failed of. */
export const finish = async (
  sdk: PortolanClient,
  operationId: string,
  timeoutMs = 180_000,
): Promise<OperationResource> => {
  const ended = await sdk.waitForOperation(operationId, { timeoutMs });
  if (ended.state !== "succeeded")
    throw new Error(`${ended.kind} is ${ended.state}: ${JSON.stringify(ended, null, 1)}`);
  return ended;
};

/** A chain that runs, and that nobody has called yet. */
export const makeChain = async (
  plane: { gateway: string },
  customer: Customer,
  wish: Parameters<typeof chainBody>[1] = {},
): Promise<Chain> => {
  const started = await customer.sdk.chains.create({ body: chainBody(customer, wish) });
  const operation = await finish(customer.sdk, started.id);
  const { id } = started.target;
  return { id, url: `${plane.gateway}/${id}/${customer.secret}`, operation };
};

/** A chain that runs and answers: the gateway hears of it a moment after the operation's end. */
export const createChain = async (...wish: Parameters<typeof makeChain>): Promise<Chain> => {
  const chain = await makeChain(...wish);
  await until("the new chain answers", () => rpc(chain.url, "eth_chainId"));
  return chain;
};
