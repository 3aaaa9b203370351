import type { ChainSpec } from "@portolan/domain";
import type { Framework } from "../framework.ts";
import { fabricRest } from "./access/rest.ts";
import { actions } from "./actions/index.ts";
import { rendererVersion, toBlueprints } from "./blueprint.ts";
import { documents } from "./documents.ts";
import { inspect } from "./inspect.ts";
import { inspection } from "./inspection.ts";
import { makeMaterial } from "./material.ts";
import { materialNames } from "./names.ts";
import { fabricParts } from "./parts.ts";
import { defaultOrderers, fabricPlans } from "./plans.ts";
import { fabricGrpcPolicy, fabricGrpcRules, fabricRestPolicy } from "./policy.ts";
import { presentPart } from "./present-part.ts";
import { fabricPrograms } from "./programs.ts";
import { review, reviewUpdate } from "./review.ts";
import { reviewPart } from "./review-part.ts";
import { rollout } from "./rollout.ts";
import { fabricSettings, ordererOrganisation, readSettings } from "./settings.ts";
import { steps } from "./steps.ts";
import { ports, roles, topology } from "./topology.ts";

/** Administrators, and the authority that opens nothing but the orderers' own listeners (see `materialNames`). */
const signers = (spec: ChainSpec, material: Parameters<Framework["steps"]>[1]): string[] => {
  const present = [ordererOrganisation, ...readSettings(spec.settings).organisations.map(({ name }) => name)];
  const made = material.map(({ name }) => name).filter((name) => name.startsWith(materialNames.admin("")));
  return [...new Set([materialNames.operatorCa, ...present.map((name) => materialNames.admin(name)), ...made])].sort();
};

/** Hyperledger Fabric: orderers, peers by organisation, channels, chaincode as a service. */
export const fabric: Framework = {
  slug: "fabric",
  family: "fabric",
  title: "Hyperledger Fabric",
  versions: [{ version: "3.1.5", upgradesTo: [], isDefault: true }],
  roles: [
    { role: roles.orderer, title: "Orderer" },
    { role: roles.peer, title: "Peer" },
    { role: roles.chaincode, title: "Chaincode" },
  ],
  plans: fabricPlans,
  planDefaults: ({ settings, plan }) => {
    const { orderers, consensus } = readSettings(settings);
    return orderers === undefined ? { orderers: defaultOrderers(plan, consensus) } : {};
  },
  programs: fabricPrograms,
  sharing: ["dedicated"],
  settings: fabricSettings as unknown as Framework["settings"],
  review,
  reviewUpdate,
  reviewPart,
  presentPart,
  documents,
  /** Everybody on it has a certificate of an organisation, and it carries no currency. */
  attributes: () => ({ access: "permissioned", currency: "none" }),
  parts: fabricParts,
  rendererVersion,
  topology,
  material: makeMaterial,
  blueprint: (spec, material, context) => toBlueprints({ spec, material, ...context }),
  inspection,
  signers,
  inspect,
  steps,
  actions,
  rollout,
  // Blocks, the consensus' log and what was delivered belong together. Renewals keep the keys that channels name.
  backup: { mode: "stopped" },
  protocols: [
    { name: "grpc", role: roles.peer, port: ports.grpc, policy: fabricGrpcPolicy, grpc: fabricGrpcRules },
    {
      name: "rest",
      role: roles.peer,
      port: ports.grpc,
      policy: fabricRestPolicy,
      grpc: fabricGrpcRules,
      rest: fabricRest,
    },
  ],
};
