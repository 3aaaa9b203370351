import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import {
  type ConfigChange,
  differences,
  type NetworkDescription,
  summarise,
  toConfigSignature,
  toConfigUpdate,
  toConfigUpdateEnvelope,
  toGenesisBlock,
} from "../src/fabric/config/index.ts";
import type { TestNetwork, TestOrganisation } from "./fabric-test-network.ts";
import type { RealOrderer } from "./real-orderer.ts";

export const until = async <Value>(
  look: () => Promise<Value | undefined>,
  what: () => string,
  timeoutMs = 20_000,
): Promise<Value> => {
  const endsAt = Date.now() + timeoutMs;
  for (;;) {
    const seen = await look().catch(() => undefined);
    if (seen !== undefined) return seen;
    if (Date.now() > endsAt) throw new Error(`never: ${what()}`);
    await delay(50);
  }
};

/** A newcomer answers 404 for a moment after it has become a consenter. */
export const configOf = (orderer: RealOrderer): Promise<Uint8Array> =>
  until(
    () => orderer.configBlock("ch1"),
    () => orderer.log().slice(-3_000),
  );

export const genesisOf = (network: TestNetwork): Uint8Array =>
  toGenesisBlock(network.description, { nonce: network.random.bytes(24), at: new Date() }).block;

/** Signs a change with the admins that it says, over the configuration as it is. */
const toEnvelope = async (
  network: TestNetwork,
  before: Uint8Array,
  wanted: NetworkDescription,
  one: ConfigChange,
): Promise<Uint8Array> => {
  const update = toConfigUpdate(before, "ch1", one, wanted);
  if (update === undefined) throw new Error("nothing to update");
  const admins = [network.ordererOrg, ...network.organisations].filter(({ mspId }) => one.signers.includes(mspId));
  const sign = (organisation: TestOrganisation) => ({
    ...network.identityOf(organisation),
    nonce: network.random.bytes(24),
  });
  const signatures = await Promise.all(admins.map((admin) => toConfigSignature({ update, ...sign(admin) })));
  const submitter = { ...sign(network.ordererOrg), at: new Date() };
  return toConfigUpdateEnvelope({ channelId: "ch1", update, signatures, ...submitter });
};

/**
 * Sends a change until the channel has it. Nobody orders until a leader is elected, and what was accepted (201) may
 * still be lost with a leader that steps down.
 */
export const change = async (
  network: TestNetwork,
  orderer: RealOrderer,
  wanted: NetworkDescription,
  one: ConfigChange,
): Promise<void> => {
  const before = await configOf(orderer);
  const { sequence } = summarise(before);
  for (let attempt = 1; attempt <= 5; attempt++) {
    const envelope = await toEnvelope(network, before, wanted, one);
    const answer = await until(
      async () => {
        const said = await orderer.update(envelope);
        return /no Raft leader|nodes are alive/.test(said.body) ? undefined : said;
      },
      () => orderer.log().slice(-3_000),
    );
    const isLate = attempt > 1 && /key is (currently )?at version/.test(answer.body);
    if (!isLate) expect(answer, answer.body).toMatchObject({ status: 201 });
    const isThere = await until(
      async () => (summarise(await orderer.configBlock("ch1")).sequence > sequence ? true : undefined),
      () => "committed",
      6_000,
    ).catch(() => false);
    if (isThere) return;
  }
  throw new Error(`never committed: ${one.kind} ${orderer.log().slice(-3_000)}`);
};

/** Makes the channel as described, one change after the other as they were first told; answers their kinds. */
export const reach = async (
  network: TestNetwork,
  orderer: RealOrderer,
  wanted: NetworkDescription,
): Promise<string[]> => {
  const changes = differences(summarise(await configOf(orderer)).digest, wanted);
  for (const one of changes) await change(network, orderer, wanted, one);
  expect(differences(summarise(await configOf(orderer)).digest, wanted)).toEqual([]);
  return changes.map(({ kind }) => kind);
};
