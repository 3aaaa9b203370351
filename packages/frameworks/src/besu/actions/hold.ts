import { DomainError, type JsonValue } from "@portolan/domain";
import { z } from "zod";
import type { ActionContext } from "../../framework.ts";

const holdInput = z.object({ reason: z.string(), hint: z.string() });

/** Does nothing but say why the change that comes next can't be made yet. */
export const hold = async ({ step }: ActionContext): Promise<JsonValue> => {
  const { reason, hint } = holdInput.parse(step.input);
  throw new DomainError({ code: "step.refused", message: reason, hint, retryable: true });
};
