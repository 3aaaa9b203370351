import type { MethodVerdict, RpcPolicy } from "@portolan/domain";
import { commonMethods, deniedMethods, type MethodRule, type MethodTable, syntheticMethods } from "./method-table.ts";
import { checkBound, logSpan, toQuantity } from "./param-bounds.ts";

const toVerdict = (rule: MethodRule, scope: "rpc" | "rpc:dev"): MethodVerdict => ({
  kind: "forward",
  weight: rule.weight,
  isWrite: rule.isWrite ?? false,
  scope,
  ...(rule.bound === undefined ? {} : { bound: rule.bound }),
});

const unknownMethod = "the method is not known";

const own = <Value>(table: { readonly [name: string]: Value }, name: string): Value | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

/** 10 dCU per whole 500 blocks of a log range; from a number to a tag, as much as for the longest range allowed. */
const logSurcharge = (params: unknown): number => Number(logSpan(params) / 500n) * 10;

const surcharges: { readonly [method: string]: (params: unknown) => number } = {
  eth_getLogs: logSurcharge,
  // A node may look up what is past when the filter is made.
  eth_newFilter: logSurcharge,
  // A block with its transactions is the larger answer (2 CU instead of 1).
  eth_getBlockByHash: (params) => (Array.isArray(params) && params[1] === true ? 10 : 0),
  eth_getBlockByNumber: (params) => (Array.isArray(params) && params[1] === true ? 10 : 0),
  anvil_mine: (params) => minedSurcharge(Array.isArray(params) ? params[0] : undefined),
  hardhat_mine: (params) => minedSurcharge(Array.isArray(params) ? params[0] : undefined),
};

/** One dCU a block: 1,000 blocks cost a node about two seconds. */
const minedSurcharge = (count: unknown): number => {
  const blocks = toQuantity(count) ?? 1n;
  return blocks > 1n && blocks <= 1_000n ? Number(blocks) : 0;
};

export interface EvmPolicySettings {
  /** Plan → the methods that its scope `rpc:dev` adds; they win over the common table and the deny list. */
  development?: { readonly [plan: string]: MethodTable };
  maxBodyBytes?: number;
}

/** Why a method is not offered on a plan, and what to do instead. Echoes nothing but names of the tables. */
const denial = (development: NonNullable<EvmPolicySettings["development"]>, method: string, plan: string) => {
  const ofPlan = own(development, plan);
  const wanted = method.toLowerCase();
  const offered = [commonMethods, syntheticMethods, ofPlan ?? {}].flatMap((table) => Object.keys(table));
  const meant = offered.find((name) => name.toLowerCase() === wanted);
  if (meant !== undefined) return { kind: "deny", reason: unknownMethod, hint: `Did you mean ${meant}?` } as const;
  const denied = deniedMethods.find(
    ({ pattern, ofOtherPlans }) => pattern.test(method) && (ofOtherPlans === undefined || ofPlan === undefined),
  );
  const reason = denied?.reason ?? unknownMethod;
  const plans = Object.keys(development).filter((name) => own(development[name] ?? {}, method) !== undefined);
  if (plans.length === 0) return { kind: "deny", reason } as const;
  return { kind: "deny", reason, hint: `Plan ${plans.join(" and plan ")} has the development methods.` } as const;
};

/** Method classes, weights and bounds for an EVM chain. Names are matched exactly; unknown names are refused. */
export const createEvmRpcPolicy = (settings: EvmPolicySettings = {}): RpcPolicy => ({
  verdict: (method, plan) => {
    const development = own(own(settings.development ?? {}, plan) ?? {}, method);
    if (development !== undefined) return toVerdict(development, "rpc:dev");
    const common = own(commonMethods, method);
    if (common !== undefined) return toVerdict(common, "rpc");
    const answer = own(syntheticMethods, method);
    if (answer !== undefined) return { kind: "synthetic", answer };
    return denial(settings.development ?? {}, method, plan);
  },
  check: checkBound,
  readsParams: (method) =>
    Object.hasOwn(surcharges, method) ||
    own(commonMethods, method)?.bound !== undefined ||
    Object.values(settings.development ?? {}).some((table) => own(table, method)?.bound !== undefined),
  surcharge: (method, params) => own(surcharges, method)?.(params) ?? 0,
  maxBatch: 100,
  maxBodyBytes: settings.maxBodyBytes ?? 1_048_576,
  timeoutMs: 30_000,
});

/** The policy of EVM chains without development methods. */
export const evmRpcPolicy: RpcPolicy = createEvmRpcPolicy();
