import { connect } from "node:net";
import type { NodeSpec } from "@portolan/domain";
import type { NetworkAccess } from "../../framework.ts";
import { ports } from "../topology.ts";
import type { NodeFindings } from "./look-at-node.ts";

const timeoutMs = 1_500;

/** A chaincode's server is well when its port takes connections: peers are refused by it within milliseconds else. */
export const lookAtServer = async (access: NetworkAccess, node: NodeSpec): Promise<NodeFindings> => {
  const { host, port } = await access.dial(node.name, ports.grpc);
  const isAnswering = await new Promise<boolean>((resolve) => {
    const socket = connect({ host, port });
    const end = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.setTimeout(timeoutMs, () => end(false));
    socket.once("connect", () => end(true));
    socket.once("error", () => end(false));
  });
  return {
    isAnswering,
    ...(isAnswering ? {} : { reason: "the chaincode does not listen yet" }),
    channels: {},
    configs: {},
  };
};
