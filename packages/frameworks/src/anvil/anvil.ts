import type { ChainSpec } from "@portolan/domain";
import { createEvmRpcPolicy } from "../evm/rpc-policy.ts";
import { maxStateBytes } from "../evm/state-bound.ts";
import type { Framework } from "../framework.ts";
import type { OperatorConfig } from "../operator-config.ts";
import { renderBlueprint, rendererVersion } from "./blueprint.ts";
import { developmentMethods } from "./development-methods.ts";
import { inspect } from "./inspect.ts";
import { makeMaterial } from "./material.ts";
import { anvilPlans } from "./plans.ts";
import { anvilSettings, readSettings } from "./settings.ts";
import { ports, topology } from "./topology.ts";

/** As long as a state's hexadecimal text may be, with room for the envelope. */
const maxBodyBytes = 2 * maxStateBytes + 65_536;

const review = (spec: ChainSpec, operator: OperatorConfig): ReturnType<Framework["review"]> => {
  const issues: { path: string; code: string; message: string; hint?: string }[] = [];
  if (spec.regions.length !== 1) {
    issues.push({
      path: "regions",
      code: "chain.settings_invalid",
      message: "An anvil chain is one node, so it stands in exactly one region.",
      hint: "Name one region.",
    });
  }
  const { fork } = readSettings(spec.settings);
  if (fork === undefined) return issues;
  const names = operator.forwarderUrl === undefined ? [] : operator.forks.map(({ name }) => name);
  if (operator.isForwarderOutOfReach === true) {
    issues.push({
      path: "settings.fork.network",
      code: "address.forbidden",
      message:
        "A chain in this region can't fork: its nodes don't reach the forwarder through which a network is read.",
      hint: "Choose a region whose nodes run beside their worker, or leave `fork` out.",
    });
  } else if (!names.includes(fork.network)) {
    issues.push({
      path: "settings.fork.network",
      code: "address.forbidden",
      message: "The operator does not list a network of this name to fork from.",
      hint: names.length === 0 ? "Forking is not offered here." : `Listed: ${names.join(", ")}.`,
    });
  }
  return issues;
};

/** A development chain: one anvil process whose state is kept across restarts. */
export const anvil: Framework = {
  slug: "anvil",
  family: "evm",
  title: "Anvil (Ethereum development chain)",
  versions: [{ version: "1.7.1", upgradesTo: [], isDefault: true }],
  roles: [{ role: "node", title: "Node" }],
  plans: anvilPlans,
  sharing: ["dedicated"],
  settings: anvilSettings,
  review,
  /**
   * Only holders of the app's keys reach it: permissioned. Its Ether is made at genesis and worth nothing: test. A
   * fork shows a public network's accounts and currency, read from that network while it runs; a policy that bars
   * public currencies must see it as one, so it counts as public although nothing ever flows back.
   */
  attributes: ({ settings }) => ({
    access: "permissioned",
    currency: settings["fork"] === undefined ? "test" : "public",
  }),
  parts: [],
  rendererVersion,
  topology,
  material: async (spec, existing, context) => makeMaterial(spec, existing, context),
  blueprint: renderBlueprint,
  inspect,
  steps: () => [],
  actions: {},
  // One node: nothing else is there to survive. A change that only the renderer made restarts nothing that is well.
  rollout: ({ changed, fresh, healthy }) => [
    ...fresh,
    ...changed.filter(({ node, isRendererOnly }) => !isRendererOnly || !healthy.includes(node)).map(({ node }) => node),
  ],
  // What its state keeper has written at the end is the whole state.
  backup: { mode: "stopped" },
  protocols: [
    {
      name: "json-rpc",
      role: "node",
      port: ports.rpc,
      policy: createEvmRpcPolicy({ development: { dev: developmentMethods }, maxBodyBytes }),
    },
  ],
};
