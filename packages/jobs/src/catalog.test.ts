import { expect, test } from "vitest";
import { centralQueues, deduplicationId, jobCatalog, jobNames, jobsOn, placementsQueue, queueOf } from "./catalog.ts";

const placementId = `plc_${"0".repeat(26)}`;
const chainId = `chn_${"0".repeat(26)}`;

test("every job is on a central queue or a region's, and on one only", () => {
  const queues = [...centralQueues, placementsQueue("eu-paris")];
  expect(queues.flatMap(jobsOn).toSorted()).toEqual([...jobNames].toSorted());
});

test("a placement's job goes to the queue of its region", () => {
  expect(queueOf("placement.reconcile", { placementId, region: "eu-paris" })).toBe(placementsQueue("eu-paris"));
  expect(queueOf("chain.coordinate", { chainId })).toBe("chains");
  expect(jobsOn("placements.eu-paris")).toEqual(["placement.reconcile"]);
  expect(() => placementsQueue("a:b")).toThrow();
});

test("payloads take ids and nothing else", () => {
  const { payload } = jobCatalog["placement.reconcile"];
  expect(payload.safeParse({ placementId, region: "eu-paris" }).success).toBe(true);
  for (const bad of [
    { placementId },
    { placementId, region: "eu-paris", secret: "x" },
    { placementId: chainId, region: "x" },
    null,
  ])
    expect(payload.safeParse(bad).success).toBe(false);
});

test("wakes are equal by job and ids", () => {
  expect(deduplicationId("chain.coordinate", { chainId })).toBe(`chain.coordinate/${chainId}`);
  expect(deduplicationId("reconcile.sweep", {})).toBe("reconcile.sweep");
});

test("no job is retried by the queue", () => {
  expect(jobNames.every((name) => jobCatalog[name].attempts === 1)).toBe(true);
});
