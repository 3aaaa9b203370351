import { isRegistryHost } from "@portolan/domain";
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
  /** The chain stands where nodes can't dial the forwarder, so what would go through it is refused. */
  isForwarderOutOfReach?: boolean;
  /** Chaincode that tenants may run as nodes of their chains; absent: `defaultChaincodes`. */
  chaincodes?: readonly CatalogueChaincode[];
  /**
   * Registries that tenants' own images may come from, since it is the machines of a region that dial them; `*.` at the
   * front stands for any name below. Absent: `defaultTenantRegistries`.
   */
  tenantRegistries?: readonly string[];
  /** The chain stands where its nodes don't know each other by their addresses. */
  isSourceHidden?: boolean;
  /** The chain stands where code of tenants' own is not kept apart, so it is refused. */
  isTenantCodeRefused?: boolean;
  /** Chaincode at tenants' own addresses; absent: it reaches nobody. */
  externalChaincode?: {
    /** Whether `host:port` may be used as far as its form says; a name's addresses are checked when it is dialled. */
    mayDial(address: string): boolean;
    /** What the forwarder asks to see before it dials for a node of the chain; equal for equal input. Absent where
     * nothing is rendered. */
    permit?(chainId: string, address: string): string;
  };
}

const chaincode = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  title: z.string().min(1).max(100),
  /** The executable, as the process runtime finds programs; a chaincode server, told all it must know by its environment. */
  program: z.string().regex(/^[A-Za-z0-9][\w.-]{0,99}$/),
  version: z.string().regex(/^[A-Za-z0-9][\w.+-]{0,63}$/),
  /** The same for Kubernetes. */
  image: z.string().regex(/^[a-z0-9][\w./:@-]{0,254}$/),
});

export type CatalogueChaincode = z.output<typeof chaincode>;

const projectImage = (name: string): string => `ghcr.io/portolan/${name}:1.0.0`;

/** What ships with Portolan: projects of this repository, in `chaincode/`. */
export const defaultChaincodes: readonly CatalogueChaincode[] = [
  {
    name: "asset-transfer",
    title: "Assets and their owners",
    program: "chaincode-asset-transfer",
    version: "1.0.0",
    image: projectImage("chaincode-asset-transfer"),
  },
  {
    name: "token",
    title: "A fungible token",
    program: "chaincode-token",
    version: "1.0.0",
    image: projectImage("chaincode-token"),
  },
];

/** The operator's catalogue of chaincode. */
export const chaincodesOfCatalogue = (operator: OperatorConfig): readonly CatalogueChaincode[] =>
  operator.chaincodes ?? defaultChaincodes;

/** Undefined when the operator does not list it. */
export const findChaincode = (operator: OperatorConfig, name: string): CatalogueChaincode | undefined =>
  chaincodesOfCatalogue(operator).find((entry) => entry.name === name);

/** Where most public images are. */
export const defaultTenantRegistries: readonly string[] = [
  "docker.io",
  "ghcr.io",
  "public.ecr.aws",
  "quay.io",
  "registry.gitlab.com",
];

/** Whether the operator lets tenants' images come from the registry (host and port as in the image's name). */
export const mayPullFrom = ({ tenantRegistries = defaultTenantRegistries }: OperatorConfig, host: string): boolean =>
  tenantRegistries.some((entry) => (entry.startsWith("*.") ? host.endsWith(entry.slice(1)) : host === entry));

/** The member of an operator's configuration, from a list with commas. Throws a sentence that says which entry is wrong. */
export const toTenantRegistries = (text: string | undefined): Pick<OperatorConfig, "tenantRegistries"> => {
  if (text === undefined) return {};
  const entries = text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  const wrong = entries.find((entry) => !isRegistryHost(entry.replace(/^\*\./, "")));
  if (wrong === undefined) return { tenantRegistries: entries };
  throw new Error(
    `PORTOLAN_TENANT_REGISTRIES is a list of hosts (ghcr.io, *.azurecr.io, mirror.example:5000); ${wrong} is none`,
  );
};

/** The operator's catalogue of chaincode, from its configuration's JSON. Throws a sentence that says the form. */
const parseChaincodes = (text: string): CatalogueChaincode[] => {
  const form = "PORTOLAN_CHAINCODES is a list of { name, title, program, version, image }, each name once";
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${form}; it is not JSON`);
  }
  const parsed = z
    .array(chaincode)
    .max(100)
    .refine((list) => new Set(list.map(({ name }) => name)).size === list.length)
    .safeParse(value);
  if (parsed.success) return parsed.data;
  const places = parsed.error.issues.map((issue) => issue.path.join(".") || "the list").join(", ");
  throw new Error(`${form}; wrong at: ${places}`);
};

/** The member of an operator's configuration; empty where nothing is configured, so that the default catalogue holds. */
export const toCatalogue = (text: string | undefined): Pick<OperatorConfig, "chaincodes"> =>
  text === undefined ? {} : { chaincodes: parseChaincodes(text) };

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

/**
 * What of it holds for a chain in regions of these capabilities. Of one that is not known (null) the forwarder is not
 * taken away; that it keeps tenants' code apart has to be known.
 */
export const withinReach = (
  operator: OperatorConfig,
  regions: readonly ({ reachesForwarder?: boolean; tenantCode?: boolean; hidesSourceAddress?: true } | null)[],
): OperatorConfig => {
  const isInReach = regions.every((known) => known?.reachesForwarder !== false);
  const isApart = regions.every((known) => known?.tenantCode === true);
  const isHidden = regions.some((known) => known?.hidesSourceAddress === true);
  if (isInReach && isApart && !isHidden) return operator;
  const { forwarderUrl: _outOfReach, ...rest } = operator;
  return {
    ...(isInReach ? operator : { ...rest, isForwarderOutOfReach: true }),
    ...(isApart ? {} : { isTenantCodeRefused: true }),
    ...(isHidden ? { isSourceHidden: true } : {}),
  };
};

/** What frameworks may know of it. */
export const toOperatorConfig = (forks: readonly ForkNetwork[], forwarderUrl?: string): OperatorConfig => ({
  forks: forks.map(({ name, url, chainId }) => ({ name, url, chainId })),
  ...(forwarderUrl === undefined ? {} : { forwarderUrl }),
});
