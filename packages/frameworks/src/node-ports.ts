import type { BlueprintPort, NodeAddress, NodeSpec } from "@portolan/domain";

/** The reserved address of a node's port. Throws where there is none: the coordinator waits for it before it asks. */
export const reservedAddress = (addresses: readonly NodeAddress[], node: string, port: string): NodeAddress => {
  const found = addresses.find((address) => address.node === node && address.port === port);
  if (found === undefined) throw new Error(`no address is reserved for ${node}/${port}`);
  return found;
};

/**
 * A node's ports with the addresses that its region reserved for them. Where a port is shown outside is said only of one
 * whose wish has it. Throws where an address is missing.
 */
export const toBlueprintPorts = (
  node: Pick<NodeSpec, "name" | "ports">,
  addresses: readonly NodeAddress[],
): BlueprintPort[] =>
  node.ports.map(({ name, exposure, protocol, outsideBy }) => {
    const found = reservedAddress(addresses, node.name, name);
    const { bindHost, bindNumber, host, number } = found;
    const outside = outsideBy === undefined ? undefined : found.outside;
    return {
      ...{ name, exposure, protocol, bindHost, bindNumber, host, number },
      ...(outside === undefined ? {} : { outside }),
    };
  });
