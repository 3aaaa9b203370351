import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { awaitLeftOvers, findLeftOvers } from "./left-overs.ts";

const begin = async (instance: string, source: string) => {
  const child = spawn(process.execPath, ["-e", `console.log("up"); ${source}`], {
    env: { PORTOLAN_INSTANCE: instance },
    stdio: ["pipe", "pipe", "ignore"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
};

test.runIf(process.platform === "linux")(
  "waits for what ends by itself, kills what hangs, leaves others alone",
  async () => {
    const lines: string[] = [];
    const ending = await begin("ours-1", "process.stdin.resume()");
    const other = await begin("theirs", "setInterval(() => {}, 1000)");
    expect(findLeftOvers("ours-1")).toEqual([ending.pid]);
    const waiting = awaitLeftOvers("ours-1", (line) => lines.push(line), 120_000);
    ending.stdin.end();
    await waiting;
    expect(ending.signalCode).toBeNull();
    expect(lines[0]).toContain(String(ending.pid));

    const hanging = await begin("ours-2", "setInterval(() => {}, 1000)");
    const gone = once(hanging, "exit");
    await awaitLeftOvers("ours-2", () => undefined, 100);
    expect((await gone)[1]).toBe("SIGKILL");
    expect(findLeftOvers("theirs")).toEqual([other.pid]);
  },
);
