import type { RegistryCredentialResource } from "@portolan/contract";
import { registryContext } from "@portolan/custody";
import { DomainError, encodeRegistryLogin, maxRegistriesPerApp } from "@portolan/domain";
import { defaultTenantRegistries, mayPullFrom } from "@portolan/frameworks";
import {
  appRepository,
  chainWishes,
  type RegistryCredentialRow,
  registryCredentialRepository,
  type StoreTransaction,
  withTenant,
} from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { actorOf, type Changes } from "../../http/change.ts";
import type { Handlers } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import { presentPage, toPageRequestOf } from "../../http/page-token.ts";
import { demandActiveApp } from "../apps/demand-active.ts";

type RegistryHandlers = Pick<Handlers, "registries.set" | "registries.list" | "registries.get" | "registries.remove">;

const resource = "registry's credentials";

const present = (row: RegistryCredentialRow): RegistryCredentialResource => ({
  appId: row.appId,
  host: row.host,
  username: row.username,
  setAt: row.createdAt.toISOString(),
});

export const registryHandlers = (deps: ApiDeps, changes: Changes): RegistryHandlers => {
  const { clients, clock, ids, custody, operator } = deps;

  const demandAllowed = (host: string): void => {
    if (mayPullFrom(operator, host)) return;
    const allowed = operator.tenantRegistries ?? defaultTenantRegistries;
    throw new DomainError({
      code: "registry.refused",
      message: `Images of tenants' own don't come from ${host}.`,
      hint: `The operator allows ${allowed.join(", ")}.`,
    });
  };

  const demandRoom = async (transaction: StoreTransaction, tenantId: string, appId: string): Promise<void> => {
    if ((await registryCredentialRepository.count(transaction, tenantId, appId)) < maxRegistriesPerApp) return;
    throw new DomainError({
      code: "quota.exceeded",
      message: `An app has credentials for at most ${maxRegistriesPerApp} registries.`,
      hint: "Remove those that no image comes from any more.",
      meta: { quota: "registriesPerApp" },
    });
  };

  const seal = async (owner: { tenantId: string; appId: string }, host: string, id: string, login: Uint8Array) => {
    try {
      return await custody.seal(login, registryContext(owner, host, id));
    } finally {
      login.fill(0);
    }
  };

  return {
    "registries.set": async ({ principal, params: { app: appId, registry: host }, caller, body }) => {
      const { tenantId } = principal;
      const known = await withTenant(clients.app, tenantId, (transaction) =>
        appRepository.byId(transaction, tenantId, appId),
      );
      demandActiveApp(known);
      demandAllowed(host);
      // Custody may be elsewhere: nothing slow stands between BEGIN and COMMIT.
      const id = ids.next("registryCredential");
      const sealed = await seal({ tenantId, appId }, host, id, encodeRegistryLogin(body));
      let chains: string[] = [];
      const answer = await changes.inTenant({ principal, caller, body: null }, async (transaction) => {
        demandActiveApp(await appRepository.lock(transaction, tenantId, appId));
        const former = await registryCredentialRepository.find(transaction, { tenantId, appId, host });
        if (former === null) await demandRoom(transaction, tenantId, appId);
        const { username } = body;
        const createdAt = clock.now();
        const row = { id, tenantId, appId, host, username, sealed, createdAt };
        const made = await registryCredentialRepository.replace(transaction, row);
        chains = await chainWishes.nudgeOfApp(transaction, tenantId, appId, createdAt);
        return {
          body: present(made),
          audit: {
            tenantId,
            actor: actorOf(principal),
            action: "registry.set",
            target: { type: "app", id: appId },
            detail: { host, username, ...(former === null ? {} : { formerUsername: former.username }) },
          },
        };
      });
      for (const chainId of chains) void deps.jobs.wake("chain.coordinate", { chainId });
      return answer;
    },

    "registries.list": async ({ principal: { tenantId }, params: { app: appId }, query }) => {
      const page = toPageRequestOf("registryCredential", query);
      const rows = await withTenant(clients.app, tenantId, async (transaction) => {
        if ((await appRepository.byId(transaction, tenantId, appId)) === null) throw notFound("app");
        return registryCredentialRepository.list(transaction, tenantId, appId, page);
      });
      return { body: presentPage(rows, present) };
    },

    "registries.get": async ({ principal: { tenantId }, params: { app: appId, registry: host } }) => {
      const row = await withTenant(clients.app, tenantId, (transaction) =>
        registryCredentialRepository.find(transaction, { tenantId, appId, host }),
      );
      if (row === null) throw notFound(resource);
      return { body: present(row) };
    },

    "registries.remove": async ({ principal, params: { app: appId, registry: host }, caller }) => {
      const { tenantId } = principal;
      let chains: string[] = [];
      const answer = await changes.inTenant<undefined>({ principal, caller, body: null }, async (transaction) => {
        if ((await appRepository.lock(transaction, tenantId, appId)) === null) throw notFound("app");
        if (!(await registryCredentialRepository.remove(transaction, { tenantId, appId, host })))
          throw notFound(resource);
        chains = await chainWishes.nudgeOfApp(transaction, tenantId, appId, clock.now());
        const target = { type: "app", id: appId };
        return {
          body: undefined,
          audit: { tenantId, actor: actorOf(principal), action: "registry.remove", target, detail: { host } },
        };
      });
      for (const chainId of chains) void deps.jobs.wake("chain.coordinate", { chainId });
      return answer;
    },
  };
};
