import type { Framework } from "../framework.ts";
import { actions } from "./actions/index.ts";
import { rendererVersion, toBlueprints } from "./blueprint.ts";
import { documents } from "./documents.ts";
import { octezHttp, octezRpcPolicy } from "./http-policy.ts";
import { inspect } from "./inspect.ts";
import { inspection } from "./inspection.ts";
import { makeMaterial } from "./material.ts";
import { octezPlans } from "./plans.ts";
import { octezPrograms, octezVersion } from "./programs.ts";
import { review, reviewUpdate } from "./review.ts";
import { rollout } from "./rollout.ts";
import { octezSettings } from "./settings.ts";
import { signers, steps } from "./steps.ts";
import { ports, roles, topology } from "./topology.ts";

/** Tezos: a private chain of Octez nodes, with bakers of its own and RPC nodes that the gateway calls. */
export const octez: Framework = {
  slug: "octez",
  family: "tezos",
  title: "Tezos (Octez)",
  versions: [{ version: octezVersion, upgradesTo: [], isDefault: true }],
  roles: [
    { role: roles.baker, title: "Baker" },
    { role: roles.rpc, title: "RPC node" },
  ],
  plans: octezPlans,
  programs: octezPrograms,
  sharing: ["dedicated"],
  settings: octezSettings as unknown as Framework["settings"],
  review,
  reviewUpdate,
  documents,
  /** Only holders of the app's keys reach it, and its tez are made at its beginning: worth nothing. */
  attributes: () => ({ access: "permissioned", currency: "test" }),
  parts: [],
  rendererVersion,
  topology,
  material: makeMaterial,
  blueprint: (spec, material, { regions, addresses }) => toBlueprints({ spec, material, regions, addresses }),
  inspection,
  signers,
  inspect,
  steps,
  actions,
  rollout,
  // Store and context belong together, and to what the bakers have signed.
  backup: { mode: "stopped" },
  protocols: [{ name: "http", role: roles.rpc, port: ports.rpc, policy: octezRpcPolicy, http: octezHttp }],
};
