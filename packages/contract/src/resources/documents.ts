import { z } from "zod";
import { defineRoute } from "../route.ts";
import { id, page, pageQuery } from "../schemas.ts";

const about = { name: z.string(), mediaType: z.string(), title: z.string() };

export const document = z.object({ ...about, content: z.string() }).meta({ id: "Document" });
const documentEntry = z.object(about).meta({ id: "DocumentEntry" });

const shared = {
  tag: "Documents",
  permission: "chain.read",
  scope: "tenant",
  method: "GET",
  successStatus: 200,
  errors: ["resource.not_found"],
  isIdempotent: false,
} as const;

export const documentRoutes = {
  "documents.list": defineRoute({
    ...shared,
    path: "/v1/chains/{chain}/documents",
    operationId: "documents.list",
    summary: "What a developer takes home of a chain",
    params: z.strictObject({ chain: id("chain") }),
    query: z.strictObject(pageQuery),
    responses: { 200: page(documentEntry, "DocumentList") },
  }),
  "documents.get": defineRoute({
    ...shared,
    path: "/v1/chains/{chain}/documents/{document}",
    operationId: "documents.get",
    summary: "One document with its content",
    params: z.strictObject({
      chain: id("chain"),
      document: z
        .string()
        .min(1)
        .max(128)
        .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "must be the name of a document"),
    }),
    responses: { 200: document },
  }),
} as const;
