import type { RpcPolicy } from "@portolan/domain";
import type { FrameworkTable } from "../src/index.ts";

/** Weights and bounds of a small JSON-RPC for tests; names the gateway has never heard of. */
const weights: { readonly [method: string]: number } = {
  cheap: 0,
  read: 10,
  dear: 260,
  fail: 30,
  die: 10,
  garbage: 10,
  slow: 10,
  never: 10,
  lost: 10,
  echo: 20,
  large: 20,
};

export const testPolicy: RpcPolicy = {
  verdict: (method, plan) => {
    if (Object.hasOwn(weights, method))
      return { kind: "forward", weight: weights[method] ?? 0, isWrite: false, scope: "rpc" };
    if (method === "send") return { kind: "forward", weight: 100, isWrite: true, scope: "rpc" };
    if (method === "ranged") return { kind: "forward", weight: 100, isWrite: false, scope: "rpc", bound: "range" };
    if (method === "snapshot")
      return { kind: "forward", weight: 10, isWrite: true, scope: "rpc:dev", bound: "snapshot" };
    if (method === "revert") return { kind: "forward", weight: 10, isWrite: true, scope: "rpc:dev", bound: "revert" };
    if (method === "load") return { kind: "forward", weight: 10, isWrite: true, scope: "rpc:dev", bound: "stateLoad" };
    if (method === "dev" && plan === "dev") return { kind: "forward", weight: 10, isWrite: true, scope: "rpc:dev" };
    if (method === "accounts") return { kind: "synthetic", answer: "emptyList" };
    const hint = method === "READ" ? { hint: "Did you mean read?" } : {};
    return { kind: "deny", reason: "the method is not known", ...hint };
  },
  check: (bound, params) =>
    bound === "stateLoad" && Array.isArray(params) && params[0] === "bomb"
      ? { message: "The state is too large.", hint: "Load a smaller one." }
      : bound === "range" && Array.isArray(params) && Number(params[0]) > 1_000
        ? { message: "The range is too long.", hint: "Ask for at most 1000." }
        : null,
  surcharge: (method, params) =>
    method === "ranged" && Array.isArray(params) ? Math.floor(Number(params[0]) / 100) : 0,
  readsParams: (method) => method === "ranged" || method === "load",
  maxBatch: 50,
  maxBodyBytes: 64 * 1024,
  timeoutMs: 5_000,
};

export const testFrameworks: FrameworkTable = {
  hasRecoveryWindow: (_framework, plan) => plan === "kept",
  protocols: (framework) =>
    framework === "test"
      ? [
          { name: "json-rpc", role: "node", port: "rpc", policy: testPolicy },
          { name: "stream", role: "node", port: "raw" },
        ]
      : [],
};
