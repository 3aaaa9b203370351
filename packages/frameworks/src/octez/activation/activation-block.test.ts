import { createPublicKey, verify } from "node:crypto";
import { describe, expect, it } from "vitest";
import { decodeBase58Check } from "../encoding/base58check.ts";
import { encodings } from "../encoding/prefixes.ts";
import {
  type Activation,
  activationFitness,
  assembleBlock,
  forgeShellHeader,
  forgeUnsigned,
  type ShellHeader,
  toBlockHash,
  toSigned,
} from "./activation-block.ts";
import { toBson } from "./bson.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/**
 * Block 1 of a sandbox that `octez-client` activated in 2020, as the test data of the TezEdge node (tezedge/tezedge) has it:
 * what is in it, its signature and its hash.
 */
const sandbox = {
  /** The public activator of sandboxes. */
  activator: "edpkuSLWfVU1Vq7Jg9FucPyKmma6otcMHac9zG4oU1KMHSTBpJuGQ2",
  chainId: "NetXdQprcVkpaWU",
  hash: "BMHeg41nrycUtki947NTgD8pawcpndVpAPa5udqcG6Yf9oxzNm4",
  signature: "edsigtYFf2eEna7zayTF8RN2kTeJbLb5TGUg5WPDUkwemxPbs84p1LB1Beyuk1mTZsdpRYKMECq2iQAXDyjEgbprYHUXdepsx9y",
};

const shell: ShellHeader = {
  level: 1,
  proto: 1,
  predecessor: "BLockGenesisGenesisGenesisGenesisGenesisf79b5d1CoW2",
  timestamp: "2020-06-24T08:02:48Z",
  validationPass: 0,
  operationsHash: "LLoZS2LW3rEi7KYU4ouBQtorua37aWWCtpDmv1n2x3xoKi6sVXLWp",
  fitness: ["00", "0000000000000001"],
  context: "CoUozrLGjbckFtx3PNhCz1KjacPL8CDEfzZ1WQAruSZLpUgwN378",
};

const bootstrapKeys = [
  "edpkuBknW28nW72KG6RoHtYW7p12T6GKc7nAbwYX5m8Wd9sDVC9yav",
  "edpktzNbDAUjUk697W7gYg2CRuBQjyPxbEg8dLccYYwKSKvkPvjtV9",
  "edpkuTXkJDGcFd5nh6VvMz8phXxU3Bi7h6hqgywNFi1vZTfQNnS1RV",
  "edpkuFrRoDSEbJYgxRtLx2ps82UdaYc1WwfS9sE11yhauZt5DgCHbU",
  "edpkv8EUUH68jmo3f7Um5PezmfGrRF24gnfLpH3sVNwJnV5bVCxL2n",
];

const activation: Activation = {
  protocol: "PsCARTHAGazKbHtnKfLzQg3kms52kSRpgnDY982a9oYsSXRLQEb",
  fitness: shell.fitness,
  parameters: {
    bootstrap_accounts: bootstrapKeys.map((key) => [key, "4000000000000"]),
    preserved_cycles: 2,
    blocks_per_cycle: 8,
    blocks_per_commitment: 4,
    blocks_per_roll_snapshot: 4,
    blocks_per_voting_period: 64,
    time_between_blocks: ["1", "0"],
    endorsers_per_block: 32,
    hard_gas_limit_per_operation: "1040000",
    hard_gas_limit_per_block: "10400000",
    proof_of_work_threshold: "-1",
    tokens_per_roll: "8000000000",
    michelson_maximum_type_size: 1000,
    seed_nonce_revelation_tip: "125000",
    origination_size: 257,
    block_security_deposit: "512000000",
    endorsement_security_deposit: "64000000",
    baking_reward_per_endorsement: ["1250000", "187500"],
    endorsement_reward: ["1250000", "833333"],
    cost_per_byte: "1000",
    hard_storage_limit_per_operation: "60000",
    test_chain_duration: "1966080",
    quorum_min: 2000,
    quorum_max: 7000,
    min_proposal_quorum: 500,
    initial_endorsers: 1,
    delay_per_missing_endorsement: "1",
  },
};

const signature = decodeBase58Check(
  encodings.ed25519Signature.prefix,
  encodings.ed25519Signature.size,
  sandbox.signature,
);

describe("the activation block", () => {
  const unsigned = forgeUnsigned(shell, activation);

  it("is the same as Octez' own, byte for byte: its hash is that of the sandbox's block 1", () => {
    expect(toBlockHash(assembleBlock(unsigned, signature))).toBe(sandbox.hash);
  });
  it("is signed for its chain as Octez signs it, and for no other", () => {
    const raw = decodeBase58Check(
      encodings.ed25519PublicKey.prefix,
      encodings.ed25519PublicKey.size,
      sandbox.activator,
    );
    const key = createPublicKey({
      key: Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]),
      format: "der",
      type: "spki",
    });
    expect(verify(null, toSigned(sandbox.chainId, unsigned), key, signature)).toBe(true);
    expect(verify(null, toSigned("NetXsqzbfFenSTS", unsigned), key, signature)).toBe(false);
  });
  it("takes a signature of the genesis protocol's length only", () => {
    expect(() => assembleBlock(unsigned, new Uint8Array(96))).toThrow("length");
  });
  it("refuses a header whose hashes are of another kind", () => {
    expect(() => forgeShellHeader({ ...shell, predecessor: shell.context })).toThrow();
  });
  it("has the fitness of Tenderbake's first block", () => {
    const header = forgeShellHeader({ ...shell, fitness: activationFitness });
    const parts = [
      "00000001" + "02",
      "00000004" + "00000000",
      "00000000",
      "00000004" + "ffffffff",
      "00000004" + "00000000",
    ];
    expect(hex(header)).toContain(`00000021${parts.join("")}`);
  });
});

describe("JSON in binary", () => {
  it("is BSON", () => {
    expect(hex(toBson({ hello: "world" }))).toBe("160000000268656c6c6f0006000000776f726c640000");
    expect(hex(toBson({ a: [true, null, 1] }))).toBe(
      "1f000000" + "046100" + "17000000" + "08300001" + "0a3100" + "013200000000000000f03f" + "00" + "00",
    );
  });
  it("counts bytes, not characters, and takes no name that would end early", () => {
    expect(hex(toBson({ a: "é" }))).toBe("0f000000" + "026100" + "03000000" + "c3a900" + "00");
    expect(() => toBson({ "a\0b": 1 })).toThrow("NUL");
  });
});
