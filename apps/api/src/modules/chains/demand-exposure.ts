import { type ChainSpec, isShownBy } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import type { RegionRow } from "@portolan/store";
import { InvalidRequest } from "../../http/invalid-request.ts";
import { capabilitiesOf } from "./capabilities-of.ts";

/** Ports that are to be shown outside, with their nodes. */
const shownIn = (framework: Framework, spec: ChainSpec) =>
  framework
    .topology(spec)
    .flatMap(({ name, region, ports }) =>
      ports.flatMap((port) => (port.outsideBy === undefined ? [] : [{ key: `${name}/${port.name}`, region, port }])),
    );

/**
 * Nodes that callers from outside are to reach must stand where there is a way in for them. `former`: what the chain is;
 * ports that are shown already are not asked about, since a region that lost its entry must not keep it from any change.
 */
export const demandExposure = (
  { framework, spec }: { framework: Framework; spec: ChainSpec },
  rows: readonly RegionRow[],
  former?: ChainSpec,
): void => {
  const can = capabilitiesOf(rows);
  const exposures = new Map(rows.map(({ slug }, index) => [slug, can[index]?.exposure]));
  const known = new Set(former === undefined ? [] : shownIn(framework, former).map(({ key }) => key));
  const closed = shownIn(framework, spec).find(
    ({ key, region, port }) => exposures.has(region) && !known.has(key) && !isShownBy(port, exposures.get(region)),
  );
  if (closed === undefined) return;
  const { region } = closed;
  const message =
    exposures.get(region) === undefined
      ? `Callers from outside can't reach nodes in ${region}: the region has no entry for them, only the gateway.`
      : `Callers from outside can't reach this in ${region}: it is told apart by a port number, and the region's entry has none to give.`;
  throw new InvalidRequest({
    code: "chain.settings_invalid",
    message,
    hint: "GET /v1/regions says which regions have one: `capabilities.exposure`.",
    errors: [{ path: "settings", code: "region.no_entry", message }],
  });
};
