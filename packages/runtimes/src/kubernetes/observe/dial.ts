import { DomainError } from "@portolan/domain";
import type { PlacementRef } from "../../runtime.ts";
import type { Context } from "../context.ts";
import { toServiceHost } from "../render/service.ts";
import { toNamespaceName } from "../space.ts";
import { findSpace } from "./find-space.ts";

/** The Service of a node's port: its name, or its address where names mean nothing to who dials. */
export const dialNode = async (
  context: Context,
  placement: PlacementRef,
  node: string,
  port: string,
): Promise<{ host: string; port: number }> => {
  const space = await findSpace(context, placement, ({ services }) => services.has(node));
  const service = (await context.look(toNamespaceName(space))).services.get(node);
  const found = service?.spec?.ports?.find(({ name }) => name === port);
  const { reach } = context.settings;
  const host = reach === "address" ? service?.spec?.clusterIP : toServiceHost(space, node, context.settings);
  if (found && host) return { host, port: found.port };
  throw new DomainError({
    code: "region.unreachable",
    message: `Nothing is reserved for ${node}'s ${port} port.`,
    retryable: true,
  });
};
