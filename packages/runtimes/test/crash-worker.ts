import { kill } from "node:process";
import { append, echoNode, once, serve, toBlueprint, toSpecs } from "../src/conformance/blueprints.ts";
import { converge } from "../src/conformance/harness.ts";
import { openRuntime } from "./process-harness.ts";

/** A worker that ends itself, by a signal that nothing can catch, at its n-th side effect. */
const [home = "", placementId = "", at = "", fence = "1"] = process.argv.slice(2);
let count = 0;
const runtime = openRuntime(home, {
  checkpoint: () => {
    if (count++ >= Number(at)) kill(process.pid, "SIGKILL");
  },
});
const placement = { placementId, chainId: "chn_1", tenantId: "ten_1", region: "here" };
const addresses = await runtime.reserve(placement, toSpecs("echo-0"), BigInt(fence));
const second = serve(addresses, "echo-0", { name: "second", port: "side", after: ["main"] });
const processes = [serve(addresses, "echo-0"), second];
const node = echoNode(addresses, "echo-0", { processes, init: [append("init", "init")], jobs: [once("setup")] });
await converge(runtime, placement, toBlueprint(placement, [node]), BigInt(fence));
process.stdout.write(`${count}\n`);
process.exit(0);
