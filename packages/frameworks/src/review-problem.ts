import type { ReviewProblem } from "./framework.ts";

/** What is wrong with the settings of a chain or a part. `path`: the request's member, `settings.orderers`. */
export const problem = (path: string, message: string, hint?: string): ReviewProblem => ({
  path,
  code: "chain.settings_invalid",
  message,
  ...(hint === undefined ? {} : { hint }),
});
