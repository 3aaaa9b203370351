import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { kinds } from "../client/kube-paths.ts";
import { createKubeCache } from "./cache.ts";
import { createWatcher } from "./watcher.ts";

test("a watch that began and then says nothing more is given up after its time, and all is listed again", async () => {
  const stop = new AbortController();
  let lists = 0;
  const watcher = createWatcher(
    {
      client: { stream: async () => new PassThrough() as unknown as IncomingMessage },
      objects: {
        list: async () => {
          lists += 1;
          if (lists === 3) stop.abort();
          return { metadata: { resourceVersion: String(lists) }, items: [] };
        },
      },
      cache: createKubeCache(() => undefined),
      log: { warn: () => undefined },
    },
    { kind: kinds.Pod },
    { watchSeconds: 0, slackMs: 5, relistMs: 0 },
  );
  await watcher.run(stop.signal);
  expect(lists).toBe(3);
});
