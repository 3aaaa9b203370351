/** Who may reach a port: the chain's own nodes, the plane's worker, the gateway, or the outside. */
export type Exposure = "internal" | "admin" | "gateway" | "public";

export interface PortSpec {
  name: string;
  exposure: Exposure;
  protocol: "http" | "grpc" | "tcp";
  /**
   * Callers from outside the region may reach it, where the region has an entry for them. `tls`: they are told apart by
   * the name that their TLS asks for, so its programs must speak TLS themselves; `port`: by a number of the entry's own,
   * for whatever speaks TCP. Absent: they may not.
   */
  outsideBy?: "tls" | "port";
}

/**
 * Where callers from outside a region dial a node's port, and the name that they ask for and verify; without one the
 * number is this port's alone.
 */
export interface OutsideAddress {
  host: string;
  number: number;
  serverName?: string;
}

/** By what a region's entry tells nodes apart. */
export interface EntryAbilities {
  byServerName: true;
  byPort?: true;
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
  /** As in `BlueprintNode`: it has its address where such code stands. */
  isTenantCode?: true;
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
  /** Where the port is shown outside the region; absent: nowhere. */
  outside?: OutsideAddress;
}

/** Whether a region shows the port outside. `entry`: what its entry can; absent: it has none. */
export const isShownBy = ({ outsideBy }: Pick<PortSpec, "outsideBy">, entry: EntryAbilities | undefined): boolean =>
  entry !== undefined && (outsideBy === "tls" || (outsideBy === "port" && entry.byPort === true));

/**
 * Whether a reserved address shows its port outside as the wish has it; where the region can't, a wish for it waits for
 * nothing.
 */
export const isShownAsWished = (
  port: Pick<PortSpec, "outsideBy">,
  address: Pick<NodeAddress, "outside">,
  entry: EntryAbilities | undefined,
): boolean => isShownBy(port, entry) === (address.outside !== undefined);

/** Reserved addresses by region slug. */
export type AddressesByRegion = { readonly [region: string]: readonly NodeAddress[] };
