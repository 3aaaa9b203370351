import { api as contract, errorStatus, errorsOf, operations } from "@portolan/contract";
import { Validator } from "@seriousme/openapi-schema-validator";
import { describe, expect, it } from "vitest";
import { startApi } from "./harness.ts";

const api = await startApi();
const document = (await api.app.inject({ method: "GET", url: "/openapi.json" })).json();

describe("the OpenAPI document", () => {
  it("is valid OpenAPI 3.1", async () => {
    expect(document.openapi).toBe("3.1.0");
    const result = await new Validator().validate(structuredClone(document));
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
  });

  it("has every operation of the contract, with its answers, and nothing else", () => {
    const found = Object.entries<Record<string, { operationId: string; responses: object; security: unknown[] }>>(
      document.paths,
    ).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })));
    expect(found.map(({ operation }) => operation.operationId).sort()).toEqual(operations.map(([id]) => id).sort());
    for (const [id, route] of operations) {
      const match = found.find(({ operation }) => operation.operationId === id);
      expect(match).toMatchObject({ path: route.path, method: route.method.toLowerCase() });
      const statuses = new Set([route.successStatus, ...errorsOf(route).map((code) => errorStatus[code])]);
      expect(
        Object.keys(match?.operation.responses ?? {})
          .map(Number)
          .sort(),
      ).toEqual([...statuses].sort());
      expect(match?.operation.security).toEqual(route.permission === "public" ? [] : [{ bearer: [] }]);
    }
  });

  it("names its components, refers to nothing that is not there and carries nothing that is not used", () => {
    const names = Object.keys(document.components.schemas);
    expect(names).toEqual(
      expect.arrayContaining(["Chain", "ChainRequest", "Operation", "Quote", "Bill", "Money", "Problem"]),
    );
    const text = JSON.stringify(document);
    const referred = new Set([...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map((match) => match[1]));
    expect([...referred].sort()).toEqual(names.sort());
    expect(names.filter((name) => name.endsWith("Input"))).toEqual([]);
  });

  it("describes every operation and answer, and shows bodies that its own schemas take", () => {
    expect(document.servers).toEqual([{ url: "/", description: expect.any(String) }]);
    const text = JSON.stringify(document);
    expect(text).not.toContain("Default Response");
    for (const [id, route] of operations) {
      const found = document.paths[route.path][route.method.toLowerCase()];
      expect(found.description, id).toMatch(/\.$/);
      expect(found.description).not.toBe(found.summary);
      const problems = errorsOf(route).filter((code) => errorStatus[code] === 400);
      for (const code of problems) expect(found.responses[400].description).toContain(`\`${code}\``);
    }
    for (const id of [
      "signup.create",
      "sessions.create",
      "apps.create",
      "keys.create",
      "chains.create",
      "chains.quote",
    ]) {
      const route = operations.find(([operationId]) => operationId === id)?.[1];
      const examples = route?.body?.meta()?.examples;
      expect(Array.isArray(examples) && examples.length > 0, id).toBe(true);
      for (const example of examples as unknown[]) {
        expect(route?.body?.safeParse(example).error, id).toBeUndefined();
        expect(text).toContain(JSON.stringify(example));
      }
    }
  });

  it("is where the API's address leads to", async () => {
    const root = await api.app.inject("/");
    expect([root.statusCode, root.headers.location]).toEqual([302, "/docs"]);
  });

  it("is browsable, and health is told beside it", async () => {
    for (const url of ["/docs", "/docs/"]) {
      const page = await api.app.inject({ method: "GET", url });
      expect([200, 302]).toContain(page.statusCode);
    }
    expect((await api.app.inject("/healthz")).json()).toEqual({ live: true });
    expect((await api.app.inject("/readyz")).statusCode).toBe(200);
  });

  it("tells its metrics to this machine alone", async () => {
    await api.app.inject("/healthz");
    const local = await api.app.inject("/metrics");
    expect(local.headers["content-type"]).toContain("text/plain; version=0.0.4");
    expect(local.body).toMatch(
      /portolan_api_request_seconds_count\{method="GET",route="\/healthz",status="200"\} [1-9]/,
    );
    expect((await api.app.inject({ url: "/metrics", remoteAddress: "192.0.2.7" })).statusCode).toBe(404);
    const proxied = await api.app.inject({ url: "/metrics", headers: { "x-forwarded-for": "192.0.2.7" } });
    expect(proxied.statusCode).toBe(404);
    expect(contract["chains.create"].path).toBe("/v1/chains");
  });
});
