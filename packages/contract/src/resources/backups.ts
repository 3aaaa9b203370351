import { backupStates } from "@portolan/domain";
import { z } from "zod";
import { defineRoute } from "../route.ts";
import { emptyBody, id, noContent, page, pageQuery, quantity, time } from "../schemas.ts";
import { operation, operationError } from "./operations.ts";

export const backup = z
  .object({
    id: id("backup"),
    chainId: id("chain"),
    state: z.enum(backupStates),
    operationId: id("operation").describe("What takes, or took, it."),
    framework: z.string(),
    version: z.string().describe("Of the framework, when it was taken."),
    nodes: z.array(z.string()).describe("Names of the nodes whose data is in it."),
    sizeBytes: quantity.describe("What is in it; 0 until it is ready."),
    store: z.enum(["directory"]),
    error: operationError.optional(),
    createdAt: time,
    endedAt: time.optional().describe("When it was ready, failed or deleted."),
  })
  .meta({ id: "Backup" });

const ofChain = z.strictObject({ chain: id("chain") });
const params = z.strictObject({ backup: id("backup") });
const shared = { tag: "Backups", scope: "tenant" } as const;

export const backupRoutes = {
  "backups.create": defineRoute({
    ...shared,
    method: "POST",
    path: "/v1/chains/{chain}/backups",
    operationId: "backups.create",
    summary: "Take a backup of a chain's data; its nodes stand still meanwhile",
    permission: "backup.create",
    params: ofChain,
    body: emptyBody,
    successStatus: 202,
    responses: { 202: operation },
    errors: [
      "resource.not_found",
      "framework.unknown",
      "chain.busy",
      "chain.deleted",
      "chain.wrong_phase",
      "backup.unsupported",
      "backup.limit",
      "app.suspended",
      "app.closed",
    ],
    isIdempotent: true,
  }),
  "backups.list": defineRoute({
    ...shared,
    method: "GET",
    path: "/v1/chains/{chain}/backups",
    operationId: "backups.list",
    summary: "List a chain's backups, newest first; deleted ones are not in it",
    permission: "backup.read",
    params: ofChain,
    query: z.strictObject(pageQuery),
    successStatus: 200,
    responses: { 200: page(backup, "BackupList") },
    errors: ["resource.not_found"],
    isIdempotent: false,
  }),
  "backups.get": defineRoute({
    ...shared,
    method: "GET",
    path: "/v1/backups/{backup}",
    operationId: "backups.get",
    summary: "One backup",
    permission: "backup.read",
    params,
    successStatus: 200,
    responses: { 200: backup },
    errors: ["resource.not_found"],
    isIdempotent: false,
  }),
  "backups.delete": defineRoute({
    ...shared,
    method: "DELETE",
    path: "/v1/backups/{backup}",
    operationId: "backups.delete",
    summary: "Delete a backup",
    permission: "backup.delete",
    params,
    successStatus: 204,
    responses: { 204: noContent },
    errors: ["resource.not_found", "chain.busy"],
    isIdempotent: false,
  }),
} as const;
