import { builtInPartKinds, type Framework } from "@portolan/frameworks";
import { createFakeFramework, topicKind } from "@portolan/testing";
import type { ApiHarness } from "./harness.ts";

/** The fake framework, with parts of every kind that the contract has routes for besides its own topics. */
export const testNetwork: Framework = { ...createFakeFramework(), parts: [topicKind, ...builtInPartKinds] };

/** What a worker would write when an operation has reached its end. */
export const finish = async (api: ApiHarness, operationId: string, state: "succeeded" | "cancelled" = "succeeded") => {
  const { system } = api.deps.clients;
  const now = api.deps.clock.now();
  const operation = await system.operation.update({
    where: { id: operationId },
    data: { state, progress: 1, version: { increment: 1 }, endedAt: now },
  });
  const { targetId: id, generation, chainId } = operation;
  const data = { observedGeneration: generation };
  if (chainId === null) await system.chain.update({ where: { id }, data: { ...data, hasRun: true, nextAt: null } });
  else await system.part.update({ where: { id }, data });
};

/** A tenant's app with one chain of the test network that runs, as far as the database says. */
export const makeNetwork = async (api: ApiHarness, token: string, input: { settings?: object; plan?: string } = {}) => {
  const { id: appId } = await api.call("apps.create", { token, body: { name: "shop" } });
  const { settings = {}, plan = "standard" } = input;
  const body = { appId, name: "network", framework: "fake", plan, regions: ["local"], settings };
  const operation = await api.call("chains.create", { token, body });
  await finish(api, operation.id);
  const { tenantId, id } = await api.deps.clients.system.chain.findUniqueOrThrow({
    where: { id: operation.target.id },
  });
  await api.deps.clients.system.material.create({
    data: {
      ...{ id: api.deps.ids.next("material"), tenantId, chainId: id, name: "genesis", version: 1 },
      ...{ kind: "genesis", owner: "plane", public: { peers: [] } },
    },
  });
  return { appId, chain: id, params: { chain: id } };
};
