/** Who may reach a port: the chain's own nodes, the plane's worker, the gateway, or the outside. */
export type Exposure = "internal" | "admin" | "gateway" | "public";

export interface PortSpec {
  name: string;
  exposure: Exposure;
  protocol: "http" | "grpc" | "tcp";
}

/**
 * One node that a chain consists of. `name` is `${role}-${ordinal}`, or `${role}-…-${ordinal}` where the framework
 * counts within groups (an organisation's peers); unique in its placement and stable for life.
 */
export interface NodeSpec {
  name: string;
  role: string;
  ordinal: number;
  /** Region slug. */
  region: string;
  ports: readonly PortSpec[];
  /**
   * Id of the chain's part that this node is there for (a chaincode's server): whether it runs is a matter of that part,
   * not of the chain. Absent: the chain's own.
   */
  part?: string;
  /** It has no volume: nothing of it is reserved on a disk, whatever its plan gives to a node. */
  isStateless?: true;
}

/** Where a node's port is reached, once reserved. It stays the same for the node's life. */
export interface NodeAddress {
  node: string;
  port: string;
  /** The host and port that others dial. */
  host: string;
  number: number;
  /** The address that the program itself listens on (on Kubernetes not the one that is dialled). */
  bindHost: string;
  bindNumber: number;
  /**
   * What the gateway and the worker dial instead of `host`, where that name means something inside the region only (a
   * cluster's own DNS). The port is the same.
   */
  routeHost?: string;
}

/** Reserved addresses by region slug. */
export type AddressesByRegion = { readonly [region: string]: readonly NodeAddress[] };
