import { once } from "node:events";
import { readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newPlacement, toSpecs } from "../src/conformance/blueprints.ts";
import { makeHome, openRuntime, portsOf } from "./process-harness.ts";

describe("addresses from elsewhere", () => {
  let home = "";
  beforeAll(async () => {
    home = await makeHome();
  });
  afterAll(() => rm(home, { recursive: true, force: true }));

  const claims = (): string[] => readdirSync(join(home, "ports")).sort();

  it("are given as wished, again and again, also those that are not where the search would begin", async () => {
    const runtime = openRuntime(home);
    const origin = newPlacement();
    const wished = await runtime.reserve(origin, toSpecs("echo-0"), 1n);
    await runtime.destroy(origin, { volumes: true, fence: 1n });
    const placement = newPlacement();
    for (const _ of [1, 2])
      expect(await openRuntime(home).reserve(placement, toSpecs("echo-0"), 1n, wished)).toEqual(wished);
    // A port that nobody wished for is any one.
    const more = await runtime.reserve(newPlacement(), toSpecs("echo-0"), 1n);
    expect(more.map(({ number }) => number)).not.toEqual(wished.map(({ number }) => number));
    await runtime.destroy(placement, { volumes: true, fence: 1n });
  });

  it("are refused whole where one is another's, somebody's or not of this machine, and none is claimed", async () => {
    const runtime = openRuntime(home);
    const first = await runtime.reserve(newPlacement(), toSpecs("echo-0"), 1n);
    const server = createServer().listen(portsOf(home).last, "127.0.0.1");
    await once(server, "listening");
    const [one, two] = first;
    if (one === undefined || two === undefined) throw new Error("an echo node has two ports");
    const at = (number: number, host = "127.0.0.1") => [
      { ...one, number: portsOf(home).last - 1 },
      { ...two, host, number },
    ];
    const known = claims();
    const refused = [
      at(two.number),
      at(portsOf(home).last),
      at(portsOf(home).first - 1),
      at(5432),
      at(portsOf(home).last - 2, "10.0.0.1"),
    ];
    for (const wished of refused) {
      await expect(runtime.reserve(newPlacement(), toSpecs("echo-0"), 1n, wished)).rejects.toMatchObject({
        code: "address.taken",
        hint: expect.any(String),
        retryable: false,
      });
      expect(claims()).toEqual(known);
    }
    server.close();
    const wished = at(portsOf(home).last);
    expect((await runtime.reserve(newPlacement(), toSpecs("echo-0"), 1n, wished)).map(({ number }) => number)).toEqual(
      wished.map(({ number }) => number),
    );
  });
});
