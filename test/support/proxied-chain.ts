import { runSql } from "@portolan/store";
import { expect } from "vitest";
import { type Chain, type Customer, makeChain } from "./customer.ts";
import { rpc } from "./json-rpc.ts";
import type { Plane } from "./plane.ts";
import { type RecordingProxy, startRecordingProxy } from "./recording-proxy.ts";
import { until } from "./until.ts";

/** Where a chain's node listens for JSON-RPC, from the row that the gateway's route is made of. */
export const nodeAddress = async (plane: Plane, chainId: string): Promise<{ host: string; port: number }> => {
  let found: { host: string; port: number } | undefined;
  await runSql(await plane.superuserUrl(), async (query) => {
    const [row] = await query("select route from chains where id = $1", [chainId]);
    const route = row?.["route"] as { targets: { [name: string]: { host: string; number: number }[] } };
    const target = route.targets["json-rpc"]?.[0];
    if (target !== undefined) found = { host: target.host, port: target.number };
  });
  if (found === undefined) throw new Error("the chain has no route to a node");
  return found;
};

const mostTries = 10;

/** A trigger wants the whole table, which the running plane writes to in an order of its own: then it is tried again. */
const runBesidePlane = async (url: string, sql: string): Promise<void> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runSql(url, sql);
    } catch (error) {
      const isDeadlock = error instanceof Error && "code" in error && error.code === "40P01";
      if (!isDeadlock || attempt >= mostTries) throw error;
    }
  }
};

/** Whoever writes the chain's route, the row says the proxy's port: a trigger of the test's own. */
const bendRoute = async (plane: Plane, chainId: string, port: number): Promise<void> => {
  if (!/^chn_[a-z0-9]+$/.test(chainId)) throw new Error("no id of a chain");
  await runBesidePlane(
    await plane.superuserUrl(),
    `create function bend_${chainId}() returns trigger language plpgsql as $$
     begin
       if new.id = '${chainId}' and new.route #> '{targets,json-rpc,0,number}' is not null then
         new.route := jsonb_set(new.route, '{targets,json-rpc,0,number}', '${port}');
       end if;
       return new;
     end $$;
     create trigger aaa_bend_${chainId} before insert or update on chains
       for each row execute function bend_${chainId}();
     update chains set route_version = route_version + 1 where id = '${chainId}';`,
  );
};

/** A chain whose gateway reaches its node only through a recording proxy. */
export const createProxiedChain = async (
  plane: Plane,
  customer: Customer,
): Promise<{ chain: Chain; proxy: RecordingProxy; stop(): Promise<void> }> => {
  const chain = await makeChain(plane, customer, { name: "metered" });
  const proxy = await startRecordingProxy(await nodeAddress(plane, chain.id));
  await bendRoute(plane, chain.id, proxy.port);
  // What is called before the gateway has heard of it counts as well, so it must be heard first.
  const heard = createChainProbe(plane, customer, chain.id, proxy);
  await until("the gateway's route leads through the proxy", heard);
  expect(proxy.answered.length).toBeGreaterThan(0);
  return { chain, proxy, stop: () => proxy.stop() };
};

/** Refused calls reach no node, so the route is tried with a call that is free: it weighs nothing on either side. */
const createChainProbe = (plane: Plane, customer: Customer, chainId: string, proxy: RecordingProxy) => async () => {
  await rpc(`${plane.gateway}/${chainId}/${customer.secret}`, "eth_chainId");
  return proxy.answered.length > 0 || undefined;
};
