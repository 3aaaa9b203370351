import { parseArgs } from "node:util";
import { benchApi } from "./api.ts";
import { type BenchResult, isMet, render } from "./bench.ts";
import { benchFabric } from "./fabric.ts";
import { benchFabricStart } from "./fabric-start.ts";
import { benchGateway } from "./gateway/bench-gateway.ts";
import { benchScale } from "./scale/scale.ts";
import { benchStart } from "./start.ts";

const gateway = async (): Promise<BenchResult> => {
  const { cpuRatio, gatewayMicros, nginxMicros, gatewayPerSecond, nginxPerSecond, rounds } = await benchGateway();
  return {
    name: "gateway",
    claims: [{ what: "CPU a request against nginx", value: cpuRatio, bound: 4, unit: "×" }],
    figures: {
      "gateway, CPU µs": gatewayMicros,
      "nginx, CPU µs": nginxMicros,
      "gateway, requests a second on one core": gatewayPerSecond,
      "nginx, requests a second on one core": nginxPerSecond,
    },
    method: `${rounds.length} interleaved rounds, medians; one pinned core, the same fixed-reply backend and load; all features on`,
  };
};

/** Several under one name; nothing of one is told apart from the others but by its words. */
const merged = (name: string, results: readonly BenchResult[]): BenchResult => ({
  name,
  claims: results.flatMap(({ claims }) => claims),
  figures: Object.assign({}, ...results.map(({ figures }) => figures)),
  method: results.map((result) => `${result.name}: ${result.method}`).join("\n          "),
});

const fabric = async (): Promise<BenchResult> => merged("fabric", [await benchFabricStart(), await benchFabric()]);

/** `chains`: of `scale`, where another number than a thousand is wished. */
const benches: { readonly [name: string]: (chains?: number) => Promise<BenchResult> } = {
  start: () => benchStart(),
  api: () => benchApi(),
  gateway,
  fabric,
  "fabric-start": () => benchFabricStart(),
  scale: (chains) => benchScale(chains === undefined ? {} : { chains }),
};

const run = async (): Promise<void> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "boolean" }, chains: { type: "string" } },
  });
  const names = positionals.length === 0 ? Object.keys(benches) : positionals;
  const results: BenchResult[] = [];
  for (const name of names) {
    const bench = Object.hasOwn(benches, name) ? benches[name] : undefined;
    if (bench === undefined)
      throw new Error(`no such benchmark: ${name}; there are ${Object.keys(benches).join(", ")}`);
    const result = await bench(values.chains === undefined ? undefined : Number(values.chains));
    results.push(result);
    if (values.json !== true) process.stdout.write(`${render(result)}\n`);
  }
  if (values.json === true) {
    const lines = results.map((result) => ({ ...result, isMet: result.claims.every(isMet) }));
    process.stdout.write(`${JSON.stringify(lines)}\n`);
  }
};

run().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : "failed"}\n`);
  process.exitCode = 1;
});
