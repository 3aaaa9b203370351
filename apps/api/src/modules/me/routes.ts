import { permissionsOf, roleSchema } from "@portolan/domain";
import { inTransaction, portalRepository, tenantRepository, userRepository } from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import type { Handlers } from "../../http/handler.ts";
import { notFound } from "../../http/invalid-request.ts";
import { pageOfList } from "../../http/page-token.ts";
import { presentTenant, presentUser } from "./present.ts";

type MeHandlers = Pick<Handlers, "me.get" | "me.tenants">;

export const meHandlers = ({ clients }: ApiDeps): MeHandlers => ({
  "me.get": async ({ principal }) =>
    inTransaction(clients.system, async (transaction) => {
      const tenant = await tenantRepository.byId(transaction, principal.tenantId);
      const portal = await portalRepository.byId(transaction, principal.portalId);
      const user = principal.kind === "user" ? await userRepository.byId(transaction, principal.id) : null;
      if (tenant === null || portal === null) throw notFound("tenant");
      return {
        body: {
          principal: { type: principal.kind, id: principal.id },
          role: principal.role,
          permissions: [...permissionsOf(principal.role)],
          tenant: presentTenant(tenant, portal.slug),
          ...(user === null ? {} : { user: presentUser(user) }),
        },
      };
    }),

  "me.tenants": async ({ principal, query }) =>
    inTransaction(clients.system, async (transaction) => {
      if (principal.kind === "user") {
        const memberships = await userRepository.memberships(transaction, principal.id);
        const list = memberships.map(({ tenant, role }) => ({
          tenant: presentTenant(tenant, tenant.portalSlug),
          role: roleSchema.parse(role),
        }));
        return { body: pageOfList(list, query) };
      }
      const tenant = await tenantRepository.byId(transaction, principal.tenantId);
      const portal = await portalRepository.byId(transaction, principal.portalId);
      const list = tenant === null ? [] : [{ tenant: presentTenant(tenant, portal?.slug ?? ""), role: principal.role }];
      return { body: pageOfList(list, query) };
    }),
});
