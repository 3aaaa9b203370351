import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createIdSource, type JsonObject, type MaterialItem, type Random, systemClock } from "@portolan/domain";
import { silentLogger } from "@portolan/kit";
import { createProcessRuntime, createProgramFinder, type Runtime, type SecretSource } from "@portolan/runtimes";
import { claimPortRange, requireBesuStandIn } from "@portolan/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toBlueprints } from "../src/besu/blueprint.ts";
import { genesisOf } from "../src/besu/genesis.ts";
import { makeMaterial } from "../src/besu/material.ts";
import { identityOf } from "../src/besu/node-key.ts";
import { topology } from "../src/besu/topology.ts";
import { exchangeJson } from "../src/http-exchange.ts";
import { besuSpec } from "./besu-spec.ts";

const standIn = requireBesuStandIn();
const random: Random = { bytes: (size) => new Uint8Array(randomBytes(size)) };
const holder = `0x${"ab".repeat(20)}`;

/** Material and blueprint as real QBFT nodes of another make take them; see packages/testing's stand-in for Besu. */
describe.skipIf(standIn === undefined)("what is made for a QBFT network", () => {
  const spec = besuSpec({
    ...{ validators: 7, rpcNodes: 2, blockPeriodSeconds: 1 },
    allocations: [{ address: holder, balanceEther: "12.5" }],
  });
  const ids = createIdSource({ clock: systemClock, random });
  const placement = {
    ...{ placementId: ids.next("placement"), chainId: spec.chainId, tenantId: spec.tenantId, region: "local" },
  };
  const material: MaterialItem[] = [];
  let home: string;
  let runtime: Runtime;

  const ask = async (node: string, method: string, params: readonly unknown[] = []): Promise<unknown> => {
    const { host, port } = await runtime.dial(placement, node, "rpc");
    const body = { jsonrpc: "2.0", id: 1, method, params };
    const signal = AbortSignal.timeout(5_000);
    const answer = (await exchangeJson({ host, port, path: "/", body, timeoutMs: 5_000, signal })) as JsonObject;
    if ("error" in answer) throw new Error(JSON.stringify(answer["error"]));
    return answer["result"];
  };
  const nodes = topology(spec).map(({ name }) => name);

  beforeAll(async () => {
    if (standIn === undefined) return;
    home = await mkdtemp(join(tmpdir(), "portolan-besu-nodes-"));
    await chmod(home, 0o755);
    const programsDir = join(home, "installed");
    standIn.place(programsDir, spec.version);
    runtime = createProcessRuntime({
      ...{ home, clock: systemClock, log: silentLogger, portRange: await claimPortRange() },
      programs: createProgramFinder({ searchPath: "", programsDir }),
    });
  });
  afterAll(async () => {
    await runtime?.destroy(placement, { volumes: true, fence: 2n });
    if (home !== undefined) await rm(home, { recursive: true, force: true });
  });

  test("all nodes run by the blueprint", async () => {
    const addresses = { local: await runtime.reserve(placement, topology(spec), 1n) };
    const secrets = new Map<string, Uint8Array>();
    for (const { secret, ...item } of makeMaterial(spec, [], { random, now: systemClock.now() })) {
      material.push(item);
      if (secret !== undefined) secrets.set(item.name, secret);
    }
    const regions = { local: { placementId: placement.placementId, capabilities: runtime.capabilities } };
    const blueprint = toBlueprints({ spec, material, regions, addresses })["local"];
    if (blueprint === undefined) throw new Error("there is no blueprint");
    const source: SecretSource = {
      secret: (ref) => secrets.get(ref.material) ?? new Uint8Array(),
      public: (ref) => material.find(({ name }) => name === ref.material)?.public as JsonObject,
      asset: () => {
        throw new Error("it has no assets");
      },
    };
    await expect
      .poll(
        async () => {
          await runtime.apply(placement, blueprint, source, 1n);
          return (await runtime.observe(placement)).nodes.map(({ state }) => state);
        },
        { timeout: 60_000, interval: 100 },
      )
      .toEqual(nodes.map(() => "running"));
  });

  test("all nodes have one first block, whose validators are those of the keys", async () => {
    const first = await Promise.all(nodes.map((node) => ask(node, "eth_getBlockByNumber", ["0x0", false])));
    const hashes = (first as { hash: string }[]).map(({ hash }) => hash);
    expect(new Set(hashes).size).toBe(1);
    const { validators, chainId } = genesisOf(material);
    expect(validators).toEqual(
      nodes
        .filter((node) => node.startsWith("validator-"))
        .map((node) => identityOf(material, node)?.address ?? "")
        .sort(),
    );
    expect(await ask("validator-0", "qbft_getValidatorsByBlockNumber", ["earliest"])).toEqual(validators);
    expect(Number(await ask("rpc-0", "eth_chainId"))).toBe(chainId);
    expect(BigInt(String(await ask("rpc-0", "eth_getBalance", [holder, "earliest"])))).toBe(125n * 10n ** 17n);
  });

  test("every node knows all others by its file, and every validator's key seals blocks", async () => {
    for (const node of nodes)
      await expect
        .poll(async () => Number(await ask(node, "net_peerCount")), { timeout: 30_000 })
        .toBe(nodes.length - 1);
    const { validators } = genesisOf(material);
    const proposers = new Set<string>();
    await expect
      .poll(
        async () => {
          const block = (await ask("rpc-0", "eth_getBlockByNumber", ["latest", false])) as { miner: string };
          if (Number((block as { number?: string }).number) > 0) proposers.add(block.miner.toLowerCase());
          return [...proposers].sort();
        },
        { timeout: 60_000, interval: 200 },
      )
      .toEqual(validators);
  });
});
