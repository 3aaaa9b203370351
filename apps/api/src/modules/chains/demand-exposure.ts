import type { ChainSpec } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import type { RegionRow } from "@portolan/store";
import { InvalidRequest } from "../../http/invalid-request.ts";
import { capabilitiesOf } from "./capabilities-of.ts";

const shownIn = (framework: Framework, spec: ChainSpec) =>
  framework.topology(spec).filter(({ ports }) => ports.some(({ outsideBy }) => outsideBy !== undefined));

/**
 * Nodes that callers from outside are to reach must stand where there is a way in for them. `former`: what the chain is;
 * nodes that are shown already are not asked about, since a region that lost its entry must not keep it from any change.
 */
export const demandExposure = (
  { framework, spec }: { framework: Framework; spec: ChainSpec },
  rows: readonly RegionRow[],
  former?: ChainSpec,
): void => {
  const can = capabilitiesOf(rows);
  const closed = rows.filter((_, index) => can[index]?.exposure === undefined).map(({ slug }) => slug);
  if (closed.length === 0) return;
  const known = new Set(former === undefined ? [] : shownIn(framework, former).map(({ name }) => name));
  const node = shownIn(framework, spec).find(({ name, region }) => closed.includes(region) && !known.has(name));
  if (node === undefined) return;
  const message = `Callers from outside can't reach nodes in ${node.region}: the region has no entry for them, only the gateway.`;
  throw new InvalidRequest({
    code: "chain.settings_invalid",
    message,
    hint: "GET /v1/regions says which regions have one: `capabilities.exposure`.",
    errors: [{ path: "settings", code: "region.no_entry", message }],
  });
};
