import { hashCredential } from "@portolan/access";
import type { ServiceAccountResource } from "@portolan/contract";
import {
  canGrant,
  credentialSecretBytes,
  DomainError,
  formatServiceAccountKey,
  type Principal,
  parseServiceAccountKey,
  type Random,
  serviceAccountRoleSchema,
} from "@portolan/domain";
import { type ServiceAccountRow, serviceAccountRepository, withTenant } from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { actorOf, type Changes } from "../../http/change.ts";
import type { Handlers } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import { presentPage, toPageRequestOf } from "../../http/page-token.ts";
import { toExpiry } from "../keys/expiry.ts";

type ServiceAccountHandlers = Pick<
  Handlers,
  | "serviceAccounts.create"
  | "serviceAccounts.list"
  | "serviceAccounts.get"
  | "serviceAccounts.rotate"
  | "serviceAccounts.revoke"
>;

const present = (row: ServiceAccountRow): ServiceAccountResource => ({
  id: row.id,
  name: row.name,
  role: serviceAccountRoleSchema.parse(row.role),
  prefix: row.prefix,
  expiresAt: row.expiresAt?.toISOString() ?? null,
  revokedAt: row.revokedAt?.toISOString() ?? null,
  lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  createdAt: row.createdAt.toISOString(),
});

const newSecret = (random: Random): { secret: string; secretHash: string; prefix: string } => {
  const secret = formatServiceAccountKey(random.bytes(credentialSecretBytes));
  return { secret, secretHash: hashCredential(secret), prefix: parseServiceAccountKey(secret)?.prefix ?? "" };
};

const audited = (principal: Principal, action: string, id: string, detail: object = {}) => ({
  tenantId: principal.tenantId,
  actor: actorOf(principal),
  action,
  target: { type: "serviceAccount", id },
  detail,
});

export const serviceAccountHandlers = (deps: ApiDeps, changes: Changes): ServiceAccountHandlers => {
  const { clients, clock, ids, random } = deps;
  return {
    "serviceAccounts.create": ({ principal, caller, body }) => {
      const { name, role } = body;
      if (!canGrant(principal.role, role)) {
        throw new DomainError({
          code: "permission.denied",
          message: `The role ${principal.role} can't give away the role ${role}.`,
        });
      }
      return changes.inTenant({ principal, caller, body }, async (transaction) => {
        const { secret, secretHash, prefix } = newSecret(random);
        const row = await serviceAccountRepository.insert(transaction, {
          id: ids.next("serviceAccount"),
          tenantId: principal.tenantId,
          name,
          role,
          secretHash,
          prefix,
          expiresAt: toExpiry(body.expiresAt, clock.now()),
          createdAt: clock.now(),
        });
        const audit = audited(principal, "serviceAccount.create", row.id, { name, role });
        return { body: { ...present(row), secret }, secrets: ["secret"], audit };
      });
    },

    "serviceAccounts.list": async ({ principal: { tenantId }, query }) => {
      const page = toPageRequestOf("svc", query);
      const rows = await withTenant(clients.app, tenantId, (transaction) =>
        serviceAccountRepository.list(transaction, tenantId, page),
      );
      return { body: presentPage(rows, present) };
    },

    "serviceAccounts.get": async ({ principal: { tenantId }, params }) => {
      const row = await withTenant(clients.app, tenantId, (transaction) =>
        serviceAccountRepository.byId(transaction, tenantId, params.serviceAccount),
      );
      if (row === null) throw notFound("service account");
      return { body: present(row) };
    },

    "serviceAccounts.rotate": async ({ principal, params: { serviceAccount: id }, caller, body }) => {
      const { tenantId } = principal;
      const answer = await changes.inTenant({ principal, caller, body }, async (transaction) => {
        const former = await serviceAccountRepository.byId(transaction, tenantId, id);
        if (former === null) throw notFound("service account");
        const { secret, secretHash, prefix } = newSecret(random);
        const row = await serviceAccountRepository.rotate(transaction, { tenantId, id, secretHash, prefix });
        if (row === null)
          throw new DomainError({ code: "resource.conflict", message: "The service account has been revoked." });
        return {
          body: { ...present(row), secret },
          secrets: ["secret"],
          audit: audited(principal, "serviceAccount.rotate", id),
        };
      });
      deps.authenticator.forget(id);
      return answer;
    },

    "serviceAccounts.revoke": async ({ principal, params: { serviceAccount: id }, caller }) => {
      const answer = await changes.inTenant<undefined>({ principal, caller, body: null }, async (transaction) => {
        const isThere = await serviceAccountRepository.revoke(transaction, principal.tenantId, id, clock.now());
        if (!isThere) throw notFound("service account");
        return { body: undefined, audit: audited(principal, "serviceAccount.revoke", id) };
      });
      deps.authenticator.forget(id);
      return answer;
    },
  };
};
