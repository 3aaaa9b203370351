import { DomainError, type Signer } from "@portolan/domain";
import type { NetworkAccess } from "../../framework.ts";
import type { InspectedOrganisation, Inspection } from "../inspection.ts";
import { materialNames } from "../names.ts";
import { ports } from "../topology.ts";
import type { PeerSession } from "./endorser.ts";
import { createGrpcClients, type GrpcTarget } from "./grpc-clients.ts";
import { createOperatorCredentials } from "./operator-credential.ts";
import type { AdminTarget } from "./participation.ts";

const idleMs = 60_000;

/** Kept between passes: a TLS handshake with every node costs more than all that is asked of it. */
const clients = createGrpcClients({ idleMs });
const operatorCredential = createOperatorCredentials();

/** The nodes of a Fabric network as they are reached from a region, and those in whose name they are asked. */
export const createNetwork = (deps: { inspection: Inspection; access: NetworkAccess; signer: Signer }) => {
  const { inspection, access, signer } = deps;

  const dial = async (node: string, port: string) => {
    const { host, port: number } = await access.dial(node, port);
    const known = inspection.endpoints[node]?.host;
    return { host, port: number, ...(known === undefined || known === host ? {} : { serverName: known }) };
  };

  const everybody = [inspection.orderer, ...inspection.organisations, ...inspection.former];

  const organisation = (name: string): InspectedOrganisation => {
    const found = everybody.find((item) => item.name === name);
    if (found !== undefined) return found;
    throw new DomainError({ code: "step.failed", message: `There is no organisation ${name}.`, retryable: true });
  };

  const organisationOf = (peer: string): InspectedOrganisation => {
    const found = inspection.organisations.find((item) => item.peers.includes(peer));
    if (found !== undefined) return found;
    throw new DomainError({ code: "step.failed", message: `There is no peer ${peer}.`, retryable: true });
  };

  const administrator = (of: InspectedOrganisation) => ({
    identity: { mspId: of.mspId, pem: of.adminPem },
    sign: (data: Uint8Array) => signer.sign(materialNames.admin(of.name), data),
  });

  const grpc = async (node: string, of: InspectedOrganisation): Promise<GrpcTarget> => ({
    ...(await dial(node, ports.grpc)),
    rootsPem: of.tlsCaPem,
  });

  return {
    clients,
    organisation,
    organisationOf,
    /** By MSP id; also those whose peers are gone. Undefined: the plane has no say there. */
    memberOf: (mspId: string): InspectedOrganisation | undefined => everybody.find((item) => item.mspId === mspId),
    administrator,
    peerTarget: (node: string): Promise<GrpcTarget> => grpc(node, organisationOf(node)),
    ordererTarget: (node: string): Promise<GrpcTarget> => grpc(node, inspection.orderer),
    /** Whether the node can be dialled from this region at all. */
    isHere: async (node: string): Promise<boolean> => {
      try {
        await access.dial(node, ports.grpc);
        return true;
      } catch {
        return false;
      }
    },
    operations: (node: string) => dial(node, ports.operations),
    /** The peer, asked by its own organisation's administrator. */
    peer: async (node: string): Promise<PeerSession> => {
      const of = organisationOf(node);
      return { clients, target: await grpc(node, of), ...administrator(of) };
    },
    /** An orderer's listener for joining channels. */
    admin: async (node: string): Promise<AdminTarget> => ({
      ...(await dial(node, ports.admin)),
      rootsPem: inspection.orderer.tlsCaPem,
      ...(await operatorCredential(inspection.operatorCaPem, signer, access.now)),
    }),
  };
};

export type Network = ReturnType<typeof createNetwork>;
