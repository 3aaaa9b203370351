import { z } from "zod";

/** What the operator of the plane allows; data from its configuration, passed in. */
export interface OperatorConfig {
  /** Networks that development chains may be forked from. */
  forks: readonly {
    name: string;
    url: string;
    chainId: number;
    /** The network may stand on a private or loopback address; only the operator can say so. */
    allowPrivate?: boolean;
  }[];
  /** The guarded forwarder through which a node reaches an allowed upstream; absent: not offered. */
  forwarderUrl?: string;
}

const fork = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  url: z.url({ protocol: /^https?$/ }).max(2_000),
  chainId: z.number().int().positive().max(Number.MAX_SAFE_INTEGER),
  /** The operator's own network inside its own walls; tenants can't set it. */
  allowPrivate: z.boolean().optional(),
});

export type ForkNetwork = z.output<typeof fork>;

/**
 * The operator's list of networks that development chains may fork, from its configuration's JSON. Throws a sentence
 * without the text itself, because an address may carry a credential.
 */
export const parseForks = (text: string): ForkNetwork[] => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error("PORTOLAN_FORKS is not JSON; it is a list of { name, url, chainId, allowPrivate? }");
  }
  const parsed = z.array(fork).max(50).safeParse(value);
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.map((issue) => issue.path.join(".") || "the list").join(", ");
  throw new Error(`PORTOLAN_FORKS is a list of { name, url, chainId, allowPrivate? }; wrong at: ${places}`);
};

/** What frameworks may know of it. */
export const toOperatorConfig = (forks: readonly ForkNetwork[], forwarderUrl?: string): OperatorConfig => ({
  forks: forks.map(({ name, url, chainId }) => ({ name, url, chainId })),
  ...(forwarderUrl === undefined ? {} : { forwarderUrl }),
});
