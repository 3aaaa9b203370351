import { transferSku } from "@portolan/domain";
import type { Meter, MeterSeries } from "@portolan/metering";
import type { Grant } from "../edge/entries.ts";

/** The series for a method's bytes both ways, made once for each grant. Only for methods that the policy allows. */
export const createTransfers = (meter: Pick<Meter, "series">): ((grant: Grant, method: string) => MeterSeries) => {
  const transfers = new WeakMap<Grant, Map<string, MeterSeries>>();
  return (grant, method) => {
    const known = transfers.get(grant) ?? new Map<string, MeterSeries>();
    transfers.set(grant, known);
    const found = known.get(method);
    if (found !== undefined) return found;
    const { key, route } = grant;
    const series = meter.series({
      tenantId: route.route.tenantId,
      appId: route.route.appId,
      subject: { type: "chain", id: route.route.chainId },
      regionId: route.route.regionId,
      sku: transferSku,
      dims: {},
      keyId: key.key.id,
      method,
    });
    known.set(method, series);
    return series;
  };
};
