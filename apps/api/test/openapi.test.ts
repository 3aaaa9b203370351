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
