import { readFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "@portolan/testing";
import { expect, test } from "vitest";
import { downloadFile, downloadText } from "./download.ts";

/** Says no length; goes on for as long as somebody reads. */
const endless = () => {
  const state = { isCancelled: false };
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(1_000)),
    cancel: () => {
      state.isCancelled = true;
    },
  });
  return { state, fetch: async () => new Response(body) };
};

test("an answer without end is cut off at the limit, and its connection closed", async () => {
  const { state, fetch } = endless();
  const reading = downloadText(fetch, "https://a.example/x", { most: 5_000, timeoutMs: 60_000 });
  await expect(reading).rejects.toThrow("https://a.example/x can't be had: it is longer than");
  expect(state.isCancelled).toBe(true);
});

test("an answer that never comes ends with the time", async () => {
  const fetch = (_url: string, { signal }: RequestInit) =>
    new Promise<Response>((_resolve, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  const reading = downloadText(fetch, "https://a.example/x?key=hidden", { most: 5_000, timeoutMs: 20 });
  await expect(reading).rejects.toThrow("https://a.example/x can't be had: it took too long.");
});

test("the file is what came, with its SHA-256", async () => {
  const path = join(temporaryDirectory("download"), "file");
  const fetch = async () => new Response("abc");
  expect(await downloadFile(fetch, "https://a.example/", path, { most: 3, timeoutMs: 60_000 })).toBe(
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  expect(readFileSync(path, "utf8")).toBe("abc");
});
