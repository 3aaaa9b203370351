import { partStates } from "@portolan/domain";
import { type BuiltInPartKind, builtInPartKinds, type PartKind } from "@portolan/frameworks/part-kinds";
import { z } from "zod";
import { defineRoute, type Route } from "../route.ts";
import { id, jsonObject, page, pageQuery, time } from "../schemas.ts";
import { operation } from "./operations.ts";

/** What every kind of part is answered as; `detail` is the framework's. */
const shape = {
  id: z.string(),
  chainId: id("chain"),
  kind: z.string(),
  name: z.string(),
  settings: jsonObject,
  generation: z.int(),
  observedGeneration: z.int().describe("Equal to `generation` once the network has it as it is wished."),
  state: z.enum(partStates),
  detail: jsonObject.describe("Public facts that the framework knows of it."),
  createdAt: time,
  deletedAt: time.optional(),
};

export type PartResource = z.output<z.ZodObject<typeof shape>>;

/** An id or a name: neither can have the other's form. */
const reference = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]*$/, "must be an id or a name")
  .describe("Its id or its name.");

type Reference = typeof reference;
type ChainId = ReturnType<typeof id>;
type Strict<Shape extends z.core.$ZodLooseShape> = z.ZodObject<Shape, z.core.$strict>;
type SettingsOf<K extends PartKind> =
  Record<never, never> extends z.input<K["settings"]> ? z.ZodPrefault<K["settings"]> : K["settings"];

/** What each route says with types of its own; an intersection with the general ones would say less. */
type Plain = Omit<Route, "permission" | "successStatus" | "responses" | "params" | "query" | "body" | "isStream">;

interface Mutation extends Plain {
  readonly permission: "chain.update";
  readonly successStatus: 202;
  readonly responses: { readonly 202: typeof operation };
}
interface Reading extends Plain {
  readonly permission: "chain.read";
  readonly successStatus: 200;
}
type ChainParams = Strict<{ chain: ChainId }>;
type PartParams<K extends PartKind> = Strict<{ chain: ChainId } & { [name in K["kind"]]: Reference }>;
type Part = z.ZodObject<typeof shape>;

/** The routes of one kind of part, with the types of its settings. */
type PartRoutes<K extends PartKind> = {
  readonly [id in `${K["plural"]}.create`]: Mutation & {
    readonly params: ChainParams;
    readonly body: Strict<{ name: z.ZodString; settings: SettingsOf<K> }>;
  };
} & {
  readonly [id in `${K["plural"]}.list`]: Reading & {
    readonly params: ChainParams;
    readonly query: Strict<typeof pageQuery>;
    readonly responses: {
      readonly 200: z.ZodObject<{ items: z.ZodArray<Part>; nextPageToken: z.ZodNullable<z.ZodString> }>;
    };
  };
} & {
  readonly [id in `${K["plural"]}.get`]: Reading & {
    readonly params: PartParams<K>;
    readonly responses: { readonly 200: Part };
  };
} & (K["update"] extends "settings"
    ? {
        readonly [id in `${K["plural"]}.update`]: Mutation & {
          readonly params: PartParams<K>;
          readonly body: Strict<{ settings: z.ZodRecord<z.ZodString, z.ZodUnknown> }>;
        };
      }
    : unknown) &
  (K["deletable"] extends true
    ? { readonly [id in `${K["plural"]}.delete`]: Mutation & { readonly params: PartParams<K> } }
    : unknown);

type UnionToIntersection<U> = (U extends unknown ? (member: U) => void : never) extends (all: infer I) => void
  ? I
  : never;
type RoutesOf<K extends PartKind> = UnionToIntersection<K extends PartKind ? PartRoutes<K> : never>;

const changeErrors = [
  "resource.not_found",
  "chain.deleted",
  "chain.wrong_phase",
  "app.suspended",
  "app.closed",
  "part.busy",
] as const;

const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

const nameOf = ({ name, idPrefix }: PartKind) =>
  z
    .string()
    .min(1)
    .max(name.maxLength)
    .regex(name.pattern, name.message)
    .refine((text) => !text.startsWith(`${idPrefix}_`), "must not look like an id")
    .describe("Unique in the chain, for good: the name of a deleted one is not free again.");

/** The routes of one kind of part: generated, so that a framework's parts need no code of their own here. */
export const toPartRoutes = (kind: PartKind): { readonly [operationId: string]: Route } => {
  const { plural, title } = kind;
  const resource = z
    .object({ ...shape, id: z.string().startsWith(`${kind.idPrefix}_`) })
    .meta({ id: capital(kind.kind) });
  const list = `/v1/chains/{chain}/${plural}` as const;
  const one = `${list}/{${kind.kind}}` as const;
  const hasDefaults = kind.settings.safeParse({}).success;
  const settings = hasDefaults ? kind.settings.prefault({}) : kind.settings;
  const ofChain = z.strictObject({ chain: id("chain") });
  const ofPart = z.strictObject({ chain: id("chain"), [kind.kind]: reference });
  const shared = { tag: capital(plural), scope: "tenant" } as const;
  const read = { ...shared, permission: "chain.read", successStatus: 200, isIdempotent: false } as const;
  const change = {
    ...shared,
    permission: "chain.update",
    successStatus: 202,
    responses: { 202: operation },
  } as const;
  const routes: Route[] = [
    defineRoute({
      ...change,
      method: "POST",
      path: list,
      operationId: `${plural}.create`,
      summary: `Make a ${title} in a chain`,
      params: ofChain,
      body: z.strictObject({ name: nameOf(kind), settings }),
      errors: [
        ...changeErrors,
        "part.settings_invalid",
        "address.forbidden",
        "part.name_taken",
        "part.limit",
        "quota.exceeded",
      ],
      isIdempotent: true,
    }),
    defineRoute({
      ...read,
      method: "GET",
      path: list,
      operationId: `${plural}.list`,
      summary: `List a chain's ${plural}, newest first`,
      params: ofChain,
      query: z.strictObject(pageQuery),
      responses: { 200: page(resource, `${capital(kind.kind)}List`) },
      errors: ["resource.not_found"],
    }),
    defineRoute({
      ...read,
      method: "GET",
      path: one,
      operationId: `${plural}.get`,
      summary: `One ${title}, by its id or name`,
      params: ofPart,
      responses: { 200: resource },
      errors: ["resource.not_found"],
      hasETag: true,
    }),
  ];
  if (kind.update === "settings") {
    routes.push(
      defineRoute({
        ...change,
        method: "PATCH",
        path: one,
        operationId: `${plural}.update`,
        summary: `Change a ${title}'s settings`,
        params: ofPart,
        // Merged into what it has, and judged by the kind's schema then.
        body: z.strictObject({ settings: jsonObject }),
        errors: [
          ...changeErrors,
          "resource.stale",
          "part.deleted",
          "part.settings_invalid",
          "address.forbidden",
          "quota.exceeded",
        ],
        isIdempotent: false,
        hasETag: true,
      }),
    );
  }
  if (kind.deletable) {
    routes.push(
      defineRoute({
        ...change,
        method: "DELETE",
        path: one,
        operationId: `${plural}.delete`,
        summary: `Delete a ${title}; supersedes whatever else runs on it`,
        params: ofPart,
        errors: [...changeErrors, "part.deleted", "resource.conflict"],
        isIdempotent: false,
      }),
    );
  }
  return Object.fromEntries(routes.map((route) => [route.operationId, route]));
};

/** What the documentation says of a kind's operations. */
export const toPartDescriptions = ({ plural, title }: PartKind): { readonly [operationId: string]: string } => ({
  [`${plural}.create`]: `Answers at once with an operation whose target is the ${title}; its steps are what happens inside the network. The chain must run.`,
  [`${plural}.list`]: "Deleted ones are not in it once they are gone. Follow `nextPageToken` until it is null.",
  [`${plural}.get`]: `Also of a deleted ${title}. The answer's ETag is what \`If-Match\` of a change takes.`,
  [`${plural}.update`]:
    "`settings` is a JSON Merge Patch: members that are given replace those that it has, null takes one back to its default, and the others stay. Only one change at a time; a cancel goes back to the former settings. While an operation needs attention a change is taken too: the same operation goes on with it.",
  [`${plural}.delete`]: "An operation that ends when the network is rid of it. Its name is not free again.",
});

const merge = <T>(list: readonly { readonly [name: string]: T }[]): { readonly [name: string]: T } =>
  Object.assign({}, ...list) as { readonly [name: string]: T };

// Built from the same list as the type.
export const partRoutes = merge(builtInPartKinds.map(toPartRoutes)) as RoutesOf<BuiltInPartKind>;

export type PartOperationId = Extract<keyof typeof partRoutes, string>;

export const partDescriptions = Object.fromEntries(
  Object.entries(merge(builtInPartKinds.map(toPartDescriptions))).filter(([operationId]) => operationId in partRoutes),
) as { readonly [operationId in PartOperationId]: string };
