import type { PlacementRef } from "../../runtime.ts";
import type { View } from "../cache/view.ts";
import type { Context } from "../context.ts";
import { beside, type Space, toNamespaceName } from "../space.ts";

/** The namespace of a placement that has what is looked for; its own where neither has. */
export const findSpace = async (
  context: Pick<Context, "look">,
  placement: PlacementRef,
  isThere: (view: View) => boolean,
): Promise<Space> => {
  if (isThere(await context.look(toNamespaceName(placement)))) return placement;
  const other = beside(placement);
  return isThere(await context.look(toNamespaceName(other))) ? other : placement;
};
