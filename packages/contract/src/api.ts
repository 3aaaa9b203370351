import type { z } from "zod";
import { appRoutes } from "./resources/apps.ts";
import { auditRoutes } from "./resources/audit.ts";
import { backupRoutes } from "./resources/backups.ts";
import { catalogRoutes } from "./resources/catalog.ts";
import { chainRoutes } from "./resources/chains.ts";
import { documentRoutes } from "./resources/documents.ts";
import { keyRoutes } from "./resources/keys.ts";
import { meRoutes } from "./resources/me.ts";
import { operationRoutes } from "./resources/operations.ts";
import { partRoutes } from "./resources/parts.ts";
import { registryRoutes } from "./resources/registries.ts";
import { serviceAccountRoutes } from "./resources/service-accounts.ts";
import { sessionRoutes } from "./resources/sessions.ts";
import { usageRoutes } from "./resources/usage.ts";
import type { Route } from "./route.ts";

/** The whole HTTP API: operation id → route. */
export const api = {
  ...sessionRoutes,
  ...meRoutes,
  ...serviceAccountRoutes,
  ...appRoutes,
  ...keyRoutes,
  ...registryRoutes,
  ...catalogRoutes,
  ...chainRoutes,
  ...backupRoutes,
  ...documentRoutes,
  ...partRoutes,
  ...operationRoutes,
  ...usageRoutes,
  ...auditRoutes,
} as const satisfies { readonly [operationId: string]: Route };

export type Api = typeof api;
export type OperationId = keyof Api;

type Member<K extends OperationId, Name extends "params" | "query" | "body"> = Api[K] extends {
  readonly [N in Name]: infer Schema extends z.ZodType;
}
  ? Schema
  : undefined;

type Out<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;
type In<Schema> = Schema extends z.ZodType ? z.input<Schema> : undefined;

/** As a handler gets them: parsed, defaults filled in. */
export type ParamsOf<K extends OperationId> = Out<Member<K, "params">>;
export type QueryOf<K extends OperationId> = Out<Member<K, "query">>;
export type BodyOf<K extends OperationId> = Out<Member<K, "body">>;

/** As a caller gives them. */
export type ParamsInputOf<K extends OperationId> = In<Member<K, "params">>;
export type QueryInputOf<K extends OperationId> = In<Member<K, "query">>;
export type BodyInputOf<K extends OperationId> = In<Member<K, "body">>;

/** The answer of an operation when it succeeds. */
export type AnswerOf<K extends OperationId> = Out<Api[K]["responses"][keyof Api[K]["responses"]]>;

/** Every operation with its id, in the order of the table. */
export const operations: readonly (readonly [OperationId, Route])[] = Object.entries(api).map(
  ([operationId, route]) => [operationId as OperationId, route] as const,
);
