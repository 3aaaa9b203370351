import { describe, expect, it } from "vitest";
import {
  append,
  echoNode,
  fail,
  nestedNode,
  once,
  secretNode,
  secrets,
  secretValue,
  serve,
  toBlueprint,
} from "./blueprints.ts";
import { askEcho, type ConformanceHarness, converge, countOf, eventsOf, say, until } from "./harness.ts";
import { openScene } from "./scene.ts";

const readAll = async (lines: AsyncIterable<{ line: string; process: string }>): Promise<string> => {
  let text = "";
  for await (const { line, process } of lines) text += `${process}: ${line}\n`;
  return text;
};

/** A mode, but for its group's right to read: the group may be the node's own. */
const ownersOnly = (mode: number | undefined): number => (mode ?? 0o777) & ~0o040;

export const startTests = (open: () => Promise<ConformanceHarness>): void => {
  describe("starting", () => {
    const scene = openScene(open);

    it("runs init commands to their end before the programs, at each start", async () => {
      const { placement, addresses } = await scene.place("echo-0");
      const node = echoNode(addresses, "echo-0", { init: [append("one", "init one"), append("two", "init two")] });
      await converge(scene.runtime(), placement, toBlueprint(placement, [node]), 1n);
      const words = async () =>
        (await eventsOf(scene.runtime(), placement, "echo-0")).map((event) => event.split(" ").slice(0, 2).join(" "));
      expect(await words()).toEqual(["init one", "init two", "start main"]);
      await scene.runtime().stop(placement, 1n);
      await converge(scene.runtime(), placement, toBlueprint(placement, [node]), 1n);
      expect((await words()).slice(4)).toEqual(["init one", "init two", "start main"]);
    });

    it("names an init command that fails, and starts nothing then", async () => {
      const { placement, addresses } = await scene.place("echo-0", "echo-1");
      const bad = echoNode(addresses, "echo-0", { init: [fail("broken")] });
      const blueprint = toBlueprint(placement, [bad, echoNode(addresses, "echo-1")]);
      await scene.runtime().apply(placement, blueprint, secrets, 1n);
      const seen = await until("a failed and a running node", async () => {
        const { nodes } = await scene.runtime().observe(placement);
        return nodes[1]?.state === "running" && nodes;
      });
      expect(seen[0]).toMatchObject({
        node: "echo-0",
        state: "failed",
        reason: "init_failed",
        message: expect.stringContaining("can not work"),
      });
      expect(await scene.harness().countPrograms(placement, "echo-0")).toBe(0);
    });

    it("runs a job once for its key, over restarts", async () => {
      const { placement, addresses } = await scene.place("echo-0");
      const node = echoNode(addresses, "echo-0", { jobs: [once("setup")] });
      await converge(scene.runtime(), placement, toBlueprint(placement, [node]), 1n);
      await scene.runtime().stop(placement, 1n);
      const more = { ...node, jobs: [once("setup"), once("second")] };
      await converge(scene.harness().open(), placement, toBlueprint(placement, [more]), 1n);
      await scene.runtime().destroy(placement, { volumes: false, fence: 1n });
      await converge(scene.runtime(), placement, toBlueprint(placement, [more]), 1n);
      const events = await eventsOf(scene.runtime(), placement, "echo-0");
      expect([countOf(events, "job setup"), countOf(events, "job second"), countOf(events, "start")]).toEqual([
        1, 1, 3,
      ]);
      expect(events.indexOf("job setup")).toBeGreaterThan(0);
    });

    it("runs two programs on one data directory, the second once the first answers", async () => {
      const { placement, addresses } = await scene.place("echo-0");
      const slow = serve(addresses, "echo-0", { env: { ECHO_DELAY_MS: "400" } });
      const second = serve(addresses, "echo-0", { name: "second", port: "side", after: ["main"] });
      const blueprint = toBlueprint(placement, [echoNode(addresses, "echo-0", { processes: [slow, second] })]);
      await scene.runtime().apply(placement, blueprint, secrets, 1n);
      expect(await scene.harness().countPrograms(placement, "echo-0", "second")).toBe(0);
      expect((await scene.runtime().observe(placement)).nodes).toMatchObject([{ state: "starting" }]);
      await converge(scene.runtime(), placement, blueprint, 1n);
      const [first, other] = (await eventsOf(scene.runtime(), placement, "echo-0")).map((event) => event.split(" "));
      expect([first?.[1], other?.[1]]).toEqual(["main", "second"]);
      expect(Number(BigInt(other?.[2] ?? 0) - BigInt(first?.[2] ?? 0)) / 1e6).toBeGreaterThan(400);

      /** A program that was killed is missed after a moment. */
      const kill = async (name: string) => {
        const { restarts = 0 } = (await scene.runtime().observe(placement)).nodes[0] ?? {};
        await scene.harness().kill(placement, "echo-0", name);
        await until(`the end of ${name}`, async () => {
          const [node] = (await scene.runtime().observe(placement)).nodes;
          return node?.state !== "running" || (node.restarts ?? 0) > restarts;
        });
      };

      // The second dies alone; when the first dies, both are started again.
      const { run } = await askEcho(scene.runtime(), placement, "echo-0");
      await kill("second");
      await converge(scene.runtime(), placement, blueprint, 1n);
      expect((await askEcho(scene.runtime(), placement, "echo-0")).run).toBe(run);
      const before = await askEcho(scene.runtime(), placement, "echo-0", "side");
      await kill("main");
      await converge(scene.runtime(), placement, blueprint, 1n);
      expect((await askEcho(scene.runtime(), placement, "echo-0", "side")).run).not.toBe(before.run);
      expect(await scene.harness().countPrograms(placement)).toBe(2);

      await scene.runtime().stop(placement, 1n);
      await converge(scene.runtime(), placement, blueprint, 1n);
      const stops = (await eventsOf(scene.runtime(), placement, "echo-0")).filter((event) => event.startsWith("stop"));
      expect(stops.slice(-2)).toEqual(["stop second SIGTERM", "stop main SIGTERM"]);
    });

    it("starts a node after those it names, and never waits in a circle", async () => {
      const { placement, addresses } = await scene.place("echo-0", "echo-1");
      const slow = serve(addresses, "echo-0", { env: { ECHO_DELAY_MS: "300" } });
      const zero = echoNode(addresses, "echo-0", { processes: [slow] });
      const one = echoNode(addresses, "echo-1", { startAfter: ["echo-0", "never-there"] });
      await scene.runtime().apply(placement, toBlueprint(placement, [one, zero]), secrets, 1n);
      expect(await scene.harness().countPrograms(placement, "echo-1")).toBe(0);
      await converge(scene.runtime(), placement, toBlueprint(placement, [one, zero]), 1n);
      const startOf = async (node: string) =>
        BigInt((await eventsOf(scene.runtime(), placement, node))[0]?.split(" ")[2] ?? 0);
      expect(Number((await startOf("echo-1")) - (await startOf("echo-0"))) / 1e6).toBeGreaterThan(300);
    });

    it("hands secrets over by file and environment only", async () => {
      const { placement, addresses } = await scene.place("echo-0");
      await converge(scene.runtime(), placement, toBlueprint(placement, [secretNode(addresses, "echo-0")]), 1n);
      const seen = await askEcho(scene.runtime(), placement, "echo-0");
      expect(seen).toMatchObject({ secretEnv: secretValue, secretFile: secretValue });
      expect(ownersOnly(seen.secretMode)).toBe(0o600);
      const lines = await scene.harness().commandLines(placement);
      expect(lines).toHaveLength(1);
      expect(lines.join()).not.toContain(secretValue);
      expect(JSON.stringify(await scene.runtime().observe(placement))).not.toContain(secretValue);
    });

    it("lays files in directories that others can't look into", async () => {
      const { placement, addresses } = await scene.place("echo-0");
      await converge(scene.runtime(), placement, toBlueprint(placement, [nestedNode(addresses, "echo-0")]), 1n);
      const { files = [], directory, rootFiles } = await askEcho(scene.runtime(), placement, "echo-0");
      const byPath = Object.fromEntries(files.map(({ path, ...rest }) => [path, rest]));
      expect(byPath).toMatchObject({
        "keystore/key.pem": { text: secretValue },
        "signcerts/cert.pem": { text: "public", mode: 0o644 },
        "bin/tool": { mode: 0o755 },
        where: { text: `in ${directory}/keystore!` },
      });
      expect(ownersOnly(byPath["keystore/key.pem"]?.mode)).toBe(0o600);
      // Where placements are kept apart there are no others.
      if (scene.runtime().capabilities.isolation === "none") {
        for (const name of ["keystore", "signcerts", "bin"]) expect((byPath[name]?.mode ?? 0o777) & 0o007).toBe(0);
      }
      expect(rootFiles).toEqual(["echo.cjs", "msp"]);
    });

    it("starts a node with renewed material anew, that node only, and takes away files that were dropped", async () => {
      const { placement, addresses } = await scene.place("echo-0", "echo-1");
      const extra = { name: "msp/crls/crl.pem", content: { text: "old" }, mode: 0o644 };
      const other = nestedNode(addresses, "echo-1");
      const before = toBlueprint(placement, [nestedNode(addresses, "echo-0", 1, [extra]), other]);
      await converge(scene.runtime(), placement, before, 1n);
      const renewed = toBlueprint(placement, [nestedNode(addresses, "echo-0", 2), other]);
      const nodes = await converge(scene.runtime(), placement, renewed, 1n);
      expect(nodes.map(({ node, incarnation }) => [node, incarnation])).toEqual([
        ["echo-0", 2],
        ["echo-1", 1],
      ]);
      const { files = [] } = await askEcho(scene.runtime(), placement, "echo-0");
      expect(files.find(({ path }) => path === "signcerts/cert.pem")?.text).toBe("public 2");
      expect(files.some(({ path }) => path.startsWith("crls"))).toBe(false);
    });

    it("refuses a file that would lie outside its node", async () => {
      const { placement, addresses } = await scene.place("echo-0");
      for (const name of ["../x", "/etc/x", "a//b", "msp/../../x", "msp/"]) {
        const bad = echoNode(addresses, "echo-0", { files: [{ name, content: { text: "x" }, mode: 0o644 }] });
        await expect(scene.runtime().apply(placement, toBlueprint(placement, [bad]), secrets, 1n)).rejects.toThrow();
      }
    });

    it("starts no code of a tenant's that is not apart from all else, or may be another tomorrow", async () => {
      const { placement, addresses } = await scene.place("echo-0", "echo-1");
      const guest = { ...echoNode(addresses, "echo-1", { volumes: [] }), isTenantCode: true } as const;
      const blueprint = toBlueprint(placement, [echoNode(addresses, "echo-0"), guest]);
      const seen = await until("the other node", async () => {
        const error: unknown = await scene
          .runtime()
          .apply(placement, blueprint, secrets, 1n)
          .then(
            () => undefined,
            (reason: unknown) => reason,
          );
        const { nodes } = await scene.runtime().observe(placement);
        const isUp = nodes.find(({ node }) => node === "echo-0")?.state === "running";
        return isUp && { error, guest: nodes.find(({ node }) => node === "echo-1") };
      });
      // Said of the node, or of all that stands where it would.
      expect(seen.guest?.hint ?? (seen.error as { hint?: string }).hint).toMatch(/tenantCode|digest/);
      expect(seen.guest?.state).not.toBe("running");
      expect(await scene.harness().countPrograms(placement, "echo-1")).toBe(0);
    });

    it("reads logs: all, the last ones, and as they come", async () => {
      const { placement, addresses } = await scene.place("echo-0");
      await converge(scene.runtime(), placement, toBlueprint(placement, [echoNode(addresses, "echo-0")]), 1n);
      await say(scene.runtime(), placement, "echo-0", "line one");
      await say(scene.runtime(), placement, "echo-0", "line two password=hunter2hunter2");
      expect(await readAll(scene.runtime().logs(placement, "echo-0", {}))).toMatch(
        /main: started main\nmain: line one\nmain: line two/,
      );
      expect(await readAll(scene.runtime().logs(placement, "echo-0", {}))).not.toContain("hunter2");
      expect(await readAll(scene.runtime().logs(placement, "echo-0", { limit: 1 }))).toMatch(/^main: line two/);
      const later = new Date(Date.now() + 3_600_000);
      expect(await readAll(scene.runtime().logs(placement, "echo-0", { since: later }))).toBe("");
      const abort = new AbortController();
      const followed: string[] = [];
      const reading = (async () => {
        for await (const { line } of scene
          .runtime()
          .logs(placement, "echo-0", { follow: true, limit: 0, signal: abort.signal }))
          followed.push(line);
      })();
      await until("the next line", async () => {
        await say(scene.runtime(), placement, "echo-0", "line three");
        return followed.includes("line three");
      });
      expect(followed).not.toContain("line one");
      abort.abort();
      await reading;
    });
  });
};
