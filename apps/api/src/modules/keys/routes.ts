import { hashCredential } from "@portolan/access";
import type { KeyResource } from "@portolan/contract";
import {
  checkQuota,
  credentialSecretBytes,
  DomainError,
  formatKey,
  keyRestrictionsSchema,
  keyScopesSchema,
  noKeyRestrictions,
  parseKey,
  toQuotaLimits,
} from "@portolan/domain";
import {
  appRepository,
  type KeyRow,
  keyRepository,
  type StoreTransaction,
  tenantRepository,
  withTenant,
} from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { actorOf, type Changes } from "../../http/change.ts";
import type { Handlers } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import { presentPage, toPageRequestOf } from "../../http/page-token.ts";
import { demandActiveApp } from "../apps/demand-active.ts";
import { toExpiry } from "./expiry.ts";

type KeyHandlers = Pick<Handlers, "keys.create" | "keys.list" | "keys.revoke">;

const present = (row: KeyRow): KeyResource => ({
  id: row.id,
  appId: row.appId,
  name: row.name,
  prefix: row.prefix,
  scopes: keyScopesSchema.parse(row.scopes),
  allow: keyRestrictionsSchema.parse(row.allow),
  expiresAt: row.expiresAt?.toISOString() ?? null,
  revokedAt: row.revokedAt?.toISOString() ?? null,
  createdAt: row.createdAt.toISOString(),
});

export const keyHandlers = (deps: ApiDeps, changes: Changes): KeyHandlers => {
  const { clients, clock, ids, random } = deps;

  const demandRoom = async (transaction: StoreTransaction, tenantId: string, appId: string): Promise<void> => {
    const limits = toQuotaLimits(await tenantRepository.lockQuota(transaction, tenantId));
    const used = await keyRepository.countLive(transaction, tenantId, appId, clock.now());
    const [line] = checkQuota(limits, { keysPerApp: used }, { keysPerApp: 1 });
    if (line?.isExceeded !== true) return;
    throw new DomainError({
      code: "key.limit",
      message: `An app has at most ${line.limit} live keys.`,
      hint: "Revoke one that is not in use.",
    });
  };

  return {
    "keys.create": ({ principal, params: { app: appId }, caller, body }) =>
      changes.inTenant({ principal, caller, body }, async (transaction) => {
        const { tenantId } = principal;
        demandActiveApp(await appRepository.hold(transaction, tenantId, appId));
        await demandRoom(transaction, tenantId, appId);
        const secret = formatKey(random.bytes(credentialSecretBytes));
        const row = await keyRepository.insert(transaction, {
          id: ids.next("key"),
          tenantId,
          appId,
          name: body.name,
          prefix: parseKey(secret)?.prefix ?? "",
          secretHash: hashCredential(secret),
          scopes: [...body.scopes],
          allow: body.allow ?? noKeyRestrictions,
          expiresAt: toExpiry(body.expiresAt, clock.now()),
          createdAt: clock.now(),
        });
        return {
          body: { ...present(row), secret },
          secrets: ["secret"],
          audit: {
            tenantId,
            actor: actorOf(principal),
            action: "key.create",
            target: { type: "key", id: row.id },
            detail: { appId, name: body.name, scopes: body.scopes },
          },
        };
      }),

    "keys.list": async ({ principal: { tenantId }, params: { app: appId }, query }) => {
      const page = toPageRequestOf("key", query);
      const rows = await withTenant(clients.app, tenantId, async (transaction) => {
        if ((await appRepository.byId(transaction, tenantId, appId)) === null) throw notFound("app");
        return keyRepository.list(transaction, tenantId, appId, page);
      });
      return { body: presentPage(rows, present) };
    },

    "keys.revoke": ({ principal, params: { app: appId, key: id }, caller }) =>
      changes.inTenant<undefined>({ principal, caller, body: null }, async (transaction) => {
        const { tenantId } = principal;
        const outcome = await keyRepository.revoke(transaction, { tenantId, appId, id, now: clock.now() });
        if (outcome === "absent") throw notFound("key");
        const target = { type: "key", id };
        return {
          body: undefined,
          audit:
            outcome === "before"
              ? null
              : { tenantId, actor: actorOf(principal), action: "key.revoke", target, detail: { appId } },
        };
      }),
  };
};
