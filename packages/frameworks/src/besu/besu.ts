import { evmChainIdClaim } from "../evm/chain-id.ts";
import { evmRpcPolicy } from "../evm/rpc-policy.ts";
import type { Framework } from "../framework.ts";
import { actions } from "./actions/index.ts";
import { rendererVersion, toBlueprints } from "./blueprint.ts";
import { documents } from "./documents.ts";
import { inspect } from "./inspect.ts";
import { inspection } from "./inspection.ts";
import { leaving } from "./leaving.ts";
import { makeMaterial } from "./material.ts";
import { besuPlans, sizeOf } from "./plans.ts";
import { besuPrograms } from "./programs.ts";
import { review, reviewUpdate } from "./review.ts";
import { rollout } from "./rollout.ts";
import { besuSettings, readSettings } from "./settings.ts";
import { steps } from "./steps.ts";
import { ports, roles, topology } from "./topology.ts";

/** Hyperledger Besu with QBFT: validators that agree on each block at once, and nodes that answer calls. */
export const besu: Framework = {
  slug: "besu",
  family: "evm",
  title: "Hyperledger Besu (permissioned Ethereum, QBFT)",
  versions: [
    { version: "26.8.1", upgradesTo: ["26.9.0"], isDefault: false },
    { version: "26.9.0", upgradesTo: [], isDefault: true },
  ],
  roles: [
    { role: roles.validator, title: "Validator" },
    { role: roles.rpc, title: "RPC node" },
  ],
  plans: besuPlans,
  planDefaults: (spec) => {
    const settings = readSettings(spec.settings);
    const { validators, rpcNodes } = sizeOf(spec);
    return {
      ...(settings.validators === undefined ? { validators } : {}),
      ...(settings.rpcNodes === undefined ? { rpcNodes } : {}),
    };
  },
  programs: besuPrograms,
  sharing: ["dedicated"],
  settings: besuSettings as unknown as Framework["settings"],
  review,
  reviewUpdate,
  /** Its nodes are the plane's and its callers hold keys of the app. What Ether it has was made at genesis, for itself. */
  attributes: ({ settings }) => {
    const { gas, allocations } = readSettings(settings);
    return { access: "permissioned", currency: gas === "free" && allocations.length === 0 ? "none" : "test" };
  },
  /** One of the plane's numbering is nobody else's by that. */
  claims: ({ settings }) => {
    const { chainId } = readSettings(settings);
    return chainId === undefined ? [] : [{ name: evmChainIdClaim(chainId), path: "settings.chainId" }];
  },
  documents,
  parts: [],
  rendererVersion,
  topology,
  leaving,
  material: async (spec, existing, context) => makeMaterial(spec, existing, context),
  blueprint: (spec, material, context) => toBlueprints({ spec, material, ...context }),
  inspection,
  inspect,
  steps,
  actions,
  rollout,
  // A node that came back alone with an older ledger would catch up; all together they go on from one height.
  backup: { mode: "stopped" },
  protocols: [{ name: "json-rpc", role: roles.rpc, port: ports.rpc, policy: evmRpcPolicy }],
};
