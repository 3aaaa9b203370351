import type { AddressesByRegion, ChainSpec, NewMaterialItem } from "@portolan/domain";
import { newP256Key } from "../crypto/p256-key.ts";
import { materialNames } from "../names.ts";
import { type FabricSettings, ordererOrganisation } from "../settings.ts";
import { ordererName, ordererOrdinals, peersOf, roles, topology } from "../topology.ts";
import { type Draft, inBatches, textOf, textsOf } from "./draft.ts";
import { issueLeaf, isWanting } from "./leaf.ts";

const nodeDays = 365;

interface NodeOwner {
  node: string;
  organisation: string;
  /** What the certificate says that the node is; null: it is no member of the network and speaks TLS only. */
  unit: "orderer" | "peer" | null;
  hosts: readonly string[];
}

/** Where each node is dialled, from within its network and from outside. */
const hostsByNode = (addresses: AddressesByRegion): Map<string, Set<string>> => {
  const hosts = new Map<string, Set<string>>();
  for (const { node, host, outside } of Object.values(addresses).flat()) {
    const known = hosts.get(node) ?? new Set(["localhost", "127.0.0.1"]);
    hosts.set(node, known.add(host));
    if (outside?.serverName !== undefined) known.add(outside.serverName);
  }
  return hosts;
};

/** Every node of the chain with the organisation that vouches for it; chaincode servers are the first one's. */
const toOwners = (spec: ChainSpec, settings: FabricSettings, addresses: AddressesByRegion): NodeOwner[] => {
  const hosts = hostsByNode(addresses);
  const toOwner = (node: string, organisation: string, unit: NodeOwner["unit"]): NodeOwner => ({
    node,
    organisation,
    unit,
    hosts: [...(hosts.get(node) ?? ["localhost", "127.0.0.1"])].sort(),
  });
  const first = settings.organisations[0]?.name ?? ordererOrganisation;
  return [
    ...ordererOrdinals(spec).map((ordinal) => toOwner(ordererName(ordinal), ordererOrganisation, "orderer")),
    ...settings.organisations.flatMap((organisation) =>
      peersOf(organisation).map((node) => toOwner(node, organisation.name, "peer")),
    ),
    ...topology(spec)
      .filter(({ role }) => role === roles.chaincode)
      .map(({ name }) => toOwner(name, first, null)),
  ];
};

const makeKey = (draft: Draft, name: string): NewMaterialItem => {
  const { privateKeyPem, publicKeyPem } = newP256Key(draft.random);
  return {
    name,
    version: draft.nextVersion(name),
    kind: "key",
    owner: "plane",
    public: { publicKey: publicKeyPem },
    hasSecret: true,
    secret: new TextEncoder().encode(privateKeyPem),
  };
};

/** A key, made once, and its certificate, made where there is none that will do. */
const ensurePair = async (
  draft: Draft,
  owner: NodeOwner,
  names: { key: string; certificate: string },
  usage: "identity" | "tls",
): Promise<NewMaterialItem[]> => {
  const known = draft.find(names.key);
  const key = known === undefined ? makeKey(draft, names.key) : undefined;
  const current = draft.find(names.certificate);
  const newAuthority = usage === "tls" ? materialNames.tlsCa(owner.organisation) : materialNames.ca(owner.organisation);
  // Whoever connects to a chaincode server has the root that it began with; another first organisation changes nothing.
  const authority = textOf(current, "issuer") ?? newAuthority;
  const covered = textsOf(current, "hosts");
  const isMoved = usage === "tls" && owner.hosts.some((host) => !covered.includes(host));
  if (key === undefined && !isMoved && !isWanting(draft, current, authority)) return [];
  const publicKey = textOf(key ?? known, "publicKey");
  if (publicKey === undefined) throw new Error(`material ${names.key} has no public key`);
  const certificate = await issueLeaf(draft, {
    name: names.certificate,
    owner: "plane",
    authority,
    subject: {
      commonName: owner.node,
      organisation: owner.organisation,
      ...(owner.unit === null ? {} : { unit: owner.unit }),
    },
    usage,
    hosts: usage === "tls" ? owner.hosts : [],
    days: nodeDays,
    isRenewed: true,
    publicKey: async () => publicKey,
    facts: usage === "tls" ? { hosts: [...owner.hosts], issuer: authority } : {},
  });
  return key === undefined ? [certificate] : [key, certificate];
};

const ensureNode = async (draft: Draft, owner: NodeOwner): Promise<NewMaterialItem[]> => {
  const { node, unit } = owner;
  // Both begin before either is waited for, so that random bytes are drawn in this order.
  const pairs = await Promise.all([
    unit === null
      ? []
      : ensurePair(
          draft,
          owner,
          { key: materialNames.enrolmentKey(node), certificate: materialNames.enrolment(node) },
          "identity",
        ),
    ensurePair(draft, owner, { key: materialNames.tlsKey(node), certificate: materialNames.tls(node) }, "tls"),
  ]);
  return pairs.flat();
};

/**
 * Keys and certificates of nodes. A renewal keeps the key: channels name orderers by their TLS keys, and would have to
 * be told of another one. A node that is dialled at a new host gets a TLS certificate for it at once.
 */
export const addNodes = async (
  draft: Draft,
  spec: ChainSpec,
  settings: FabricSettings,
  addresses: AddressesByRegion,
): Promise<void> => {
  const made = await inBatches(toOwners(spec, settings, addresses), (owner) => ensureNode(draft, owner));
  draft.add(made.flat());
};
