import type { ApiDeps } from "./api-deps.ts";
import { createChanges } from "./http/change.ts";
import type { Handlers } from "./http/handler.ts";
import { appHandlers } from "./modules/apps/routes.ts";
import { auditHandlers } from "./modules/audit/routes.ts";
import { backupHandlers } from "./modules/backups/routes.ts";
import { catalogHandlers } from "./modules/catalog/routes.ts";
import { chainHandlers } from "./modules/chains/routes.ts";
import { documentHandlers } from "./modules/documents/routes.ts";
import { keyHandlers } from "./modules/keys/routes.ts";
import { meHandlers } from "./modules/me/routes.ts";
import { operationHandlers } from "./modules/operations/routes.ts";
import { type PartOperation, partOperations } from "./modules/parts/routes.ts";
import { registryHandlers } from "./modules/registries/routes.ts";
import { serviceAccountHandlers } from "./modules/service-accounts/routes.ts";
import { sessionHandlers } from "./modules/sessions/routes.ts";
import { usageHandlers } from "./modules/usage/routes.ts";

/** Every operation's handler; the type refuses a table with one missing. Those of parts are made from their kinds. */
export const createHandlers = (deps: ApiDeps): { handlers: Handlers; parts: readonly PartOperation[] } => {
  const changes = createChanges(deps);
  const handlers: Handlers = {
    ...sessionHandlers(deps, changes),
    ...meHandlers(deps),
    ...serviceAccountHandlers(deps, changes),
    ...appHandlers(deps, changes),
    ...keyHandlers(deps, changes),
    ...registryHandlers(deps, changes),
    ...catalogHandlers(deps),
    ...chainHandlers(deps, changes),
    ...operationHandlers(deps, changes),
    ...usageHandlers(deps),
    ...auditHandlers(deps),
    ...documentHandlers(deps),
    ...backupHandlers(deps, changes),
  };
  return { handlers, parts: partOperations(deps, changes) };
};
