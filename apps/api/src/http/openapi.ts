import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import { api, errorStatus, errorsOf, type Route, type SuccessStatus } from "@portolan/contract";
import type { FastifyInstance } from "fastify";
import { jsonSchemaTransform, jsonSchemaTransformObject } from "fastify-type-provider-zod";

type Json = { [name: string]: unknown };

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const referencesIn = (value: unknown, found: Set<string>): Set<string> => {
  if (Array.isArray(value)) for (const member of value) referencesIn(member, found);
  if (!isObject(value)) return found;
  for (const [name, member] of Object.entries(value)) {
    const component =
      name === "$ref" && typeof member === "string" ? /^#\/components\/schemas\/(.+)$/.exec(member)?.[1] : undefined;
    if (component !== undefined) found.add(component);
    referencesIn(member, found);
  }
  return found;
};

const withoutDollarIds = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutDollarIds);
  if (!isObject(value)) return value;
  const members = Object.entries(value).filter(([name]) => name !== "$schema" && name !== "$id");
  return Object.fromEntries(members.map(([name, member]) => [name, withoutDollarIds(member)]));
};

/** Only components that something refers to, each under its plain name where input and output do not both need one. */
const prune = (document: Json): Json => {
  const components = isObject(document.components) ? document.components : {};
  const schemas = isObject(components.schemas) ? components.schemas : {};
  const used = referencesIn(document.paths, new Set());
  for (let size = -1; size !== used.size; ) {
    size = used.size;
    for (const name of [...used]) referencesIn(schemas[name], used);
  }
  const plain = (name: string): string => {
    const output = name.replace(/Input$/, "");
    return name.endsWith("Input") && !used.has(output) ? output : name;
  };
  const kept = Object.fromEntries([...used].sort().map((name) => [plain(name), schemas[name]]));
  const text = JSON.stringify(withoutDollarIds({ ...document, components: { ...components, schemas: kept } }));
  return JSON.parse(
    text.replaceAll(/#\/components\/schemas\/(\w+)/g, (_all, name: string) => `#/components/schemas/${plain(name)}`),
  ) as Json;
};

const idempotencyHeader = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description:
    "1 to 255 visible ASCII characters. The same key and body replay the answer, without its secrets, for 24 hours.",
  schema: { type: "string", minLength: 1, maxLength: 255 },
};
const ifMatchHeader = {
  name: "If-Match",
  in: "header",
  required: false,
  description: "The ETag that the change is meant for; 412 when it is not the current one.",
  schema: { type: "string", maxLength: 200 },
};

const successTexts: { readonly [status in SuccessStatus]: string } = {
  200: "The answer.",
  201: "Made; the answer shows it.",
  202: "Accepted: the operation that does it. Follow it at GET /v1/operations/{operation}?wait=20.",
  204: "Done; there is no body.",
};

const describeResponses = (route: Route, responses: Json): void => {
  for (const [status, response] of Object.entries(responses)) {
    if (!isObject(response)) continue;
    const codes = errorsOf(route).filter((code) => String(errorStatus[code]) === status);
    response.description =
      status === String(route.successStatus)
        ? route.isStream === true
          ? "Server-sent events, each with this as its data."
          : successTexts[route.successStatus]
        : `Problem details (RFC 9457), with the code ${codes.map((code) => `\`${code}\``).join(" or ")}.`;
  }
};

/** Headers and texts are the same for many operations, so they are written here once instead of into each schema. */
const withContract = (document: Json): Json => {
  for (const route of Object.values<Route>(api)) {
    const paths = document.paths;
    const path = isObject(paths) ? paths[route.path] : undefined;
    const operation = isObject(path) ? path[route.method.toLowerCase()] : undefined;
    if (!isObject(operation)) continue;
    if (isObject(operation.responses)) describeResponses(route, operation.responses);
    const parameters = Array.isArray(operation.parameters) ? operation.parameters : [];
    if (route.isIdempotent) parameters.push(idempotencyHeader);
    if (route.hasETag === true && route.method !== "GET" && route.method !== "POST") parameters.push(ifMatchHeader);
    if (parameters.length > 0) operation.parameters = parameters;
  }
  return document;
};

/** `/openapi.json` and `/docs` (where `/` leads to), both from the routes as registered. Call it before them. */
export const registerOpenApi = async (app: FastifyInstance, version: string): Promise<void> => {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Portolan",
        version,
        description: "The control plane: tenants, apps, keys, chains and what they cost.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      servers: [{ url: "/", description: "The plane that serves this document" }],
      components: {
        securitySchemes: {
          bearer: {
            type: "http",
            scheme: "bearer",
            description: "A session's access token, or a service account's key.",
          },
        },
      },
    },
    transform: jsonSchemaTransform,
    transformObject: (input) => {
      const document = jsonSchemaTransformObject(input);
      // The plugin's own type is narrower than what JSON can hold; the shape is that of OpenAPI all the same.
      return withContract(prune(document as unknown as Json)) as unknown as typeof document;
    },
  });
  await app.register(swaggerUi, { routePrefix: "/docs" });
  // Who opens the API's address in a browser wants to know what it is.
  app.get("/", { schema: { hide: true } }, async (_request, reply) => reply.redirect("/docs", 302));
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
};
