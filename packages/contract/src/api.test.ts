import { errorCodes, permissions } from "@portolan/domain";
import { builtInPartKinds, createRegistry } from "@portolan/frameworks";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { api, type BodyInputOf, operations, type ParamsInputOf } from "./api.ts";
import { errorStatus } from "./error-status.ts";
import { toProblem } from "./problem.ts";
import { errorsOf } from "./route.ts";

const placeholders = (path: string): string[] => [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");

describe("the table of the API", () => {
  it("has each operation under its own id, and each method and path once", () => {
    for (const [operationId, route] of operations) expect(route.operationId).toBe(operationId);
    const places = operations.map(([, route]) => `${route.method} ${route.path}`);
    expect(new Set(places).size).toBe(places.length);
  });

  it.each(operations)("%s is whole", (_id, route) => {
    expect(placeholders(route.path).sort()).toEqual(Object.keys(route.params?.shape ?? {}).sort());
    expect(Object.keys(route.responses)).toEqual([String(route.successStatus)]);
    expect(route.isIdempotent).toBe(route.method === "POST");
    expect(route.body !== undefined).toBe(["POST", "PUT", "PATCH"].includes(route.method));
    if (route.permission !== "public" && route.permission !== "signedIn")
      expect(permissions).toContain(route.permission);
    if (route.path.includes("{")) expect(errorsOf(route)).toContain("resource.not_found");
    for (const schema of [route.body, route.query, route.params]) {
      if (schema === undefined) continue;
      expect(
        schema.safeParse({ unknownMember: 1 }).error?.issues.some((issue) => issue.code === "unrecognized_keys"),
      ).toBe(true);
    }
  });

  it("bounds every string and every list that a request may hold", () => {
    const unbounded: string[] = [];
    const walk = (node: unknown, at: string): void => {
      if (typeof node !== "object" || node === null) return;
      const schema = node as Record<string, unknown>;
      const isFree =
        schema.type === "string" && schema.maxLength === undefined && !("enum" in schema || "const" in schema);
      // A pattern that is anchored at both ends without an open repetition bounds a string by itself.
      const hasPattern =
        typeof schema.pattern === "string" &&
        /^\^.*\$$/.test(schema.pattern) &&
        !/[+*]/.test(schema.pattern.replaceAll(/\[[^\]]*\]/g, ""));
      const isAllOf = Array.isArray(schema.allOf);
      if (isFree && !hasPattern && !isAllOf) unbounded.push(at);
      if (schema.type === "array" && schema.maxItems === undefined) unbounded.push(at);
      for (const [key, member] of Object.entries(schema)) walk(member, `${at}.${key}`);
    };
    for (const [operationId, route] of operations) {
      for (const schema of [route.body, route.query, route.params]) {
        if (schema !== undefined) walk(z.toJSONSchema(schema, { io: "input" }), operationId);
      }
    }
    expect(unbounded).toEqual([]);
  });
});

describe("parts", () => {
  it("are those of the frameworks that ship: their routes are in the table, typed by their settings", () => {
    const kinds = createRegistry()
      .list()
      .flatMap(({ parts }) => parts);
    expect(builtInPartKinds).toEqual(expect.arrayContaining(kinds));
    for (const { plural, update, deletable } of builtInPartKinds) {
      const verbs = operations.flatMap(([id]) => (id.startsWith(`${plural}.`) ? [id.split(".")[1]] : []));
      const changes = [...(update === "settings" ? ["update"] : []), ...(deletable ? ["delete"] : [])];
      expect(verbs).toEqual(["create", "list", "get", ...changes]);
    }
    const body: BodyInputOf<"chaincodes.create"> = {
      name: "token",
      settings: { channel: "trade", source: { kind: "catalogue", name: "token" } },
    };
    expect(api["chaincodes.create"].body.parse(body).settings.version).toBe("1.0");
    const bare: BodyInputOf<"channels.create"> = { name: "trade" };
    expect(api["channels.create"].body.parse(bare).settings.batch.maxMessages).toBe(500);
    const params: ParamsInputOf<"identities.delete"> = { chain: `chn_${"0".repeat(26)}`, identity: "ann" };
    expect(api["identities.delete"].params.parse(params)).toEqual(params);
    // @ts-expect-error A channel can't be deleted.
    expect(api["channels.delete"]).toBeUndefined();
  });

  it("have names of which none is an id", () => {
    const { body } = api["identities.create"];
    const settings = { organisation: "org1" };
    expect(body.safeParse({ name: "ann@org1.example", settings }).success).toBe(true);
    expect(body.safeParse({ name: `idn_${"0".repeat(26)}`, settings }).success).toBe(false);
  });
});

describe("problems", () => {
  it("gives every error code a status of its class", () => {
    for (const code of errorCodes) expect(errorStatus[code]).toBeGreaterThanOrEqual(400);
  });

  it("never lets further members replace the standard ones", () => {
    const meta = { status: "200", code: "internal", operationId: "opr_x" };
    const document = toProblem({ code: "chain.busy", detail: "Busy.", requestId: "req_1", meta });
    expect(document).toMatchObject({ status: 409, code: "chain.busy", operationId: "opr_x" });
  });

  it("keeps literal types: a handler of pause has a chain's id", () => {
    expect(api["chains.pause"].params.shape.chain).toBeDefined();
  });
});
