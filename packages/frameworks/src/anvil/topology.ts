import type { ChainSpec, NodeSpec } from "@portolan/domain";

export const nodeName = "node-0";
export const ports = { rpc: "rpc", keeper: "keeper" } as const;

/** One node: anvil has no peers. It stands in the first region. */
export const topology = (spec: ChainSpec): NodeSpec[] => {
  const region = spec.regions[0];
  if (region === undefined) return [];
  return [
    {
      name: nodeName,
      role: "node",
      ordinal: 0,
      region,
      ports: [
        { name: ports.rpc, exposure: "gateway", protocol: "http" },
        { name: ports.keeper, exposure: "admin", protocol: "http" },
      ],
    },
  ];
};
