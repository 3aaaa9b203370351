import type { AppResource } from "@portolan/contract";
import { checkQuota, DomainError, type Principal, toQuotaLimits } from "@portolan/domain";
import {
  type AppRow,
  appRepository,
  keyRepository,
  registryCredentialRepository,
  tenantRepository,
  withTenant,
} from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { actorOf, type Changes } from "../../http/change.ts";
import { demandMatch, toETag } from "../../http/etag.ts";
import type { Handlers } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import { presentPage, toPageRequestOf } from "../../http/page-token.ts";

type AppHandlers = Pick<Handlers, "apps.create" | "apps.list" | "apps.get" | "apps.update" | "apps.close">;

const states = ["active", "suspended", "closed"] as const;

const present = (row: AppRow): AppResource => ({
  id: row.id,
  name: row.name,
  state: states.find((state) => state === row.state) ?? "suspended",
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
});

const tagged = (row: AppRow) => ({ body: present(row), headers: { etag: toETag(row.version) } });

const audited = (principal: Principal, action: string, id: string, detail: object = {}) => ({
  tenantId: principal.tenantId,
  actor: actorOf(principal),
  action,
  target: { type: "app", id },
  detail,
});

export const appHandlers = (deps: ApiDeps, changes: Changes): AppHandlers => {
  const { clients, clock, ids } = deps;
  return {
    "apps.create": ({ principal, caller, body }) =>
      changes.inTenant({ principal, caller, body }, async (transaction) => {
        const { tenantId } = principal;
        const limits = toQuotaLimits(await tenantRepository.lockQuota(transaction, tenantId));
        const [line] = checkQuota(limits, { apps: await appRepository.count(transaction, tenantId) }, { apps: 1 });
        if (line?.isExceeded === true) {
          throw new DomainError({
            code: "quota.exceeded",
            message: `A tenant has at most ${line.limit} apps.`,
            meta: { quota: "apps" },
          });
        }
        const row = await appRepository.insert(transaction, {
          id: ids.next("app"),
          tenantId,
          name: body.name,
          createdAt: clock.now(),
        });
        const { body: app, headers } = tagged(row);
        const location = `/v1/apps/${row.id}`;
        return {
          body: app,
          headers: { ...headers, location },
          audit: audited(principal, "app.create", row.id, { name: body.name }),
        };
      }),

    "apps.list": async ({ principal: { tenantId }, query }) => {
      const page = toPageRequestOf("app", query);
      const rows = await withTenant(clients.app, tenantId, (transaction) =>
        appRepository.list(transaction, tenantId, page),
      );
      return { body: presentPage(rows, present) };
    },

    "apps.get": async ({ principal: { tenantId }, params }) => {
      const row = await withTenant(clients.app, tenantId, (transaction) =>
        appRepository.byId(transaction, tenantId, params.app),
      );
      if (row === null) throw notFound("app");
      return tagged(row);
    },

    "apps.update": ({ principal, params: { app: id }, caller, body }) =>
      changes.inTenant({ principal, caller, body }, async (transaction) => {
        const row = await appRepository.lock(transaction, principal.tenantId, id);
        if (row === null) throw notFound("app");
        demandMatch(caller.ifMatch, row.version);
        if (row.state === "closed") throw new DomainError({ code: "app.closed", message: "The app is closed." });
        const changed = await appRepository.update(transaction, principal.tenantId, id, {
          name: body.name,
          updatedAt: clock.now(),
        });
        return {
          ...tagged(changed),
          audit: audited(principal, "app.update", id, { name: body.name, former: row.name }),
        };
      }),

    "apps.close": ({ principal, params: { app: id }, caller }) =>
      changes.inTenant({ principal, caller, body: null }, async (transaction) => {
        const { tenantId } = principal;
        const row = await appRepository.lock(transaction, tenantId, id);
        if (row === null) throw notFound("app");
        demandMatch(caller.ifMatch, row.version);
        if (row.state === "closed") return { ...tagged(row), audit: null };
        const chains = await appRepository.countChains(transaction, tenantId, id);
        if (chains > 0) {
          throw new DomainError({
            code: "app.has_chains",
            message: `The app has ${chains} chains.`,
            hint: "Delete its chains first.",
          });
        }
        await keyRepository.revokeAll(transaction, tenantId, id, clock.now());
        await registryCredentialRepository.removeAll(transaction, tenantId, id);
        const closed = await appRepository.update(transaction, tenantId, id, {
          state: "closed",
          updatedAt: clock.now(),
        });
        return { ...tagged(closed), audit: audited(principal, "app.close", id) };
      }),
  };
};
