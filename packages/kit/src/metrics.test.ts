import { expect, test } from "vitest";
import { createMetrics } from "./metrics.ts";

test("renders counters, gauges and cumulative histograms", async () => {
  const metrics = createMetrics();
  const calls = metrics.counter("calls_total", "Calls.", ["method"]);
  calls.add({ method: 'a"b' });
  calls.add({ method: 'a"b' }, 2);
  metrics.gauge("depth", "Depth.").set(7);
  const seconds = metrics.histogram("seconds", "Time.", [0.1, 1], ["route"]);
  for (const value of [0.05, 0.5, 5]) seconds.observe(value, { route: "x" });
  const lines = (await metrics.render()).split("\n");
  expect(lines).toEqual(
    expect.arrayContaining([
      "# TYPE calls_total counter",
      'calls_total{method="a\\"b"} 3',
      "depth 7",
      'seconds_bucket{le="0.1",route="x"} 1',
      'seconds_bucket{le="1",route="x"} 2',
      'seconds_bucket{le="+Inf",route="x"} 3',
      'seconds_count{route="x"} 3',
    ]),
  );
});

test("refuses a falling counter, an undeclared label and a second registration; registries are separate", async () => {
  const metrics = createMetrics();
  const counter = metrics.counter("a_total", "A.");
  expect(() => counter.add({}, -1)).toThrow();
  expect(() => counter.add({ tenant: "x" })).toThrow();
  expect(() => metrics.counter("a_total", "A.")).toThrow();
  expect(await createMetrics().render()).not.toContain("a_total");
  expect(await createMetrics({ hasProcessMetrics: true }).render()).toContain("nodejs_eventloop_lag");
});
