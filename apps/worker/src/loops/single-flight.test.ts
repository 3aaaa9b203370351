import { expect, test } from "vitest";
import { createSingleFlight } from "./single-flight.ts";

test("it is crowded while a key waits for another's pass, not while one waits for its own to end", async () => {
  const ends = new Map<string, () => void>();
  const flight = createSingleFlight({
    concurrency: 2,
    run: (key) => new Promise((resolve) => ends.set(key, resolve)),
    onError: () => undefined,
  });
  const end = async (key: string): Promise<void> => {
    ends.get(key)?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  flight.request("a");
  flight.request("b");
  flight.request("a");
  expect(flight.isCrowded()).toBe(false);
  flight.request("c");
  expect(flight.isCrowded()).toBe(true);
  await end("b");
  expect(flight.isCrowded()).toBe(false);
  const closing = flight.close();
  await end("a");
  await end("c");
  await closing;
});
