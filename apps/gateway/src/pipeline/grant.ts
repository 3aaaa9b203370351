import { computeSku, type RpcPolicy, syntheticSku } from "@portolan/domain";
import type { ProtocolSpec } from "@portolan/frameworks";
import type { Meter } from "@portolan/metering";
import type { AppEntry, Grant, KeyEntry, MethodGrant, RouteEntry } from "../edge/entries.ts";
import { keyMethodRefusal, methodDenied, type Refusal, scopeMissing } from "./refusal.ts";

export const isRefusal = (found: MethodGrant | Refusal): found is Refusal => "status" in found;

const classOf = (verdict: MethodGrant["verdict"]): string => {
  if (verdict.kind === "synthetic") return "synthetic";
  return verdict.isWrite ? "write" : "read";
};

export interface GrantInput {
  key: KeyEntry;
  app: AppEntry;
  route: RouteEntry;
  protocol: ProtocolSpec;
  policy: RpcPolicy;
  meter: Pick<Meter, "series">;
  /** CU a second that the chain's plan sells. */
  unitsPerSecond?: number | undefined;
}

export const createGrant = ({ key, app, route, protocol, policy, meter, unitsPerSecond }: GrantInput): Grant => {
  const methods = new Map<string, MethodGrant>();
  const { chainId, regionId, plan } = route.route;

  const judge = (method: string): MethodGrant | Refusal => {
    const verdict = policy.verdict(method, plan);
    if (verdict.kind === "deny") return methodDenied(verdict, route.route.framework);
    const scope = verdict.kind === "forward" ? verdict.scope : "rpc";
    if (!key.key.scopes.includes(scope)) return scopeMissing(scope);
    if (!key.guard.allowsMethod(method)) return keyMethodRefusal;
    const series = meter.series({
      tenantId: route.route.tenantId,
      appId: route.route.appId,
      subject: { type: "chain", id: chainId },
      regionId,
      sku: verdict.kind === "synthetic" ? syntheticSku : (verdict.sku ?? computeSku),
      dims: { class: classOf(verdict) },
      keyId: key.key.id,
      method,
    });
    const weight = verdict.kind === "forward" ? verdict.weight : 0;
    const quantity = verdict.kind === "forward" && verdict.sku !== undefined ? 1 : weight;
    const readsParams = policy.readsParams?.(method) ?? true;
    const bound = verdict.kind === "forward" ? verdict.bound : undefined;
    const tellsSnapshots = bound === "snapshot" || bound === "revert";
    return { method, verdict, weight, quantity, series, readsParams, tellsSnapshots };
  };
  return {
    key,
    app,
    route,
    protocol,
    policy,
    planLimits: unitsPerSecond === undefined ? null : { unitsPerSecond, burstSeconds: app.app.limits.burstSeconds },
    method: (name) => {
      const known = methods.get(name);
      if (known !== undefined) return known;
      const found = judge(name);
      if (!isRefusal(found)) methods.set(name, found);
      return found;
    },
  };
};
