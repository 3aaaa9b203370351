import { createHash, randomBytes } from "node:crypto";
import type { EdgePort } from "@portolan/contract";
import { formatKey, systemClock } from "@portolan/domain";
import { findFramework } from "@portolan/frameworks";
import { buildGateway } from "@portolan/gateway";
import { createLogger } from "@portolan/kit";

/** A gateway with everything on, whose centre is in memory: key, state, policy, rate, spool, request log, shipping. */
const backendPort = Number(process.argv[2]);
const dir = process.argv[3] ?? "";
const secret = formatKey(createHash("sha256").update("bench").digest());
const tenantId = "ten_0000000000000000000000000a";
const appId = "app_0000000000000000000000000a";

const port: EdgePort = {
  snapshot: async () => ({
    takenAt: new Date().toISOString(),
    routes: [
      {
        chainId: "chn_0000000000000000000000000a",
        tenantId,
        appId,
        regionId: "rgn_0000000000000000000000000a",
        framework: "anvil",
        plan: "dev",
        state: "open",
        reason: "",
        targets: {
          "json-rpc": [
            {
              region: "local",
              node: "node-0",
              port: "rpc",
              via: { kind: "address", host: "127.0.0.1", port: backendPort },
            },
          ],
        },
        facts: {},
        version: "1",
      },
    ],
    keys: [
      {
        id: "key_0000000000000000000000000a",
        tenantId,
        appId,
        hash: createHash("sha256").update(secret).digest("hex"),
        scopes: ["rpc"],
        allow: { origins: [], addresses: [], methods: [] },
        expiresAt: null,
        isRevoked: false,
        version: "1",
      },
    ],
    apps: [{ id: appId, tenantId, state: "active", limits: { unitsPerSecond: 1e9, burstSeconds: 10 }, version: "1" }],
  }),
  changes: (_region, _onChange, signal) =>
    new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true })),
  wake: async () => undefined,
  shipUsage: async () => ({ isDuplicate: false }),
  partKey: async () => ({ kind: "refused", reason: "unavailable" }),
  shipRequests: async () => undefined,
};

const gateway = buildGateway(
  {
    port,
    frameworks: { protocols: (slug) => findFramework(slug)?.protocols ?? [] },
    log: createLogger({ name: "gateway", level: "warn", destination: process.stderr }),
    clock: systemClock,
    random: { bytes: (size) => randomBytes(size) },
  },
  { region: "local", dir, host: "127.0.0.1", httpPort: 0 },
);
const { port: httpPort } = await gateway.start();
process.send?.({ port: httpPort, secret, path: "/chn_0000000000000000000000000a" });
process.once("SIGTERM", () => void gateway.stop().then(() => process.exit(0)));
process.once("disconnect", () => process.exit(1));
