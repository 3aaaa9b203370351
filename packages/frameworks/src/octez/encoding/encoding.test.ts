import { createPrivateKey, createPublicKey } from "node:crypto";
import { ed25519 } from "@noble/curves/ed25519.js";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { InMemorySigner } from "@taquito/signer";
import {
  b58Encode,
  getPkhfromPk,
  PrefixV2,
  validateAddress,
  validateChain,
  validatePublicKey,
  verifySignature,
} from "@taquito/utils";
import { describe, expect, test } from "vitest";
import { octezSigner } from "../../../test/octez-spec.ts";
import { toSigned } from "../activation/activation-block.ts";
import { isAddress } from "./address.ts";
import { decodeBase58Check, encodeBase58Check } from "./base58check.ts";
import { toChainId, toGenesisHash } from "./chain-id.ts";
import { fromPem, toKeyPair } from "./ed25519-key.ts";
import { toIdentity, toPeerId } from "./identity.ts";
import { encodings } from "./prefixes.ts";
import { isPublicKey, toAddress } from "./public-key.ts";

const bytes = (size: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length: size }, (_, at) => (at * 7 + seed) & 255);

describe("Base58Check", () => {
  const theirs: { [name in keyof typeof encodings]?: PrefixV2 } = {
    blockHash: PrefixV2.BlockHash,
    operationHash: PrefixV2.OperationHash,
    protocolHash: PrefixV2.ProtocolHash,
    contextHash: PrefixV2.ContextHash,
    operationListListHash: PrefixV2.OperationListListHash,
    chainId: PrefixV2.ChainID,
    ed25519PublicKey: PrefixV2.Ed25519PublicKey,
    ed25519Seed: PrefixV2.Ed25519Seed,
    ed25519Signature: PrefixV2.Ed25519Signature,
    ed25519Address: PrefixV2.Ed25519PublicKeyHash,
    secp256k1PublicKey: PrefixV2.Secp256k1PublicKey,
    secp256k1Address: PrefixV2.Secp256k1PublicKeyHash,
    p256PublicKey: PrefixV2.P256PublicKey,
    p256SecretKey: PrefixV2.P256SecretKey,
    p256Signature: PrefixV2.P256Signature,
    p256Address: PrefixV2.P256PublicKeyHash,
    blsAddress: PrefixV2.BLS12_381PublicKeyHash,
    signature: PrefixV2.GenericSignature,
  };

  test.each(Object.entries(theirs))("%s is as Taquito writes it", (name, prefix) => {
    const { prefix: ours, size } = encodings[name as keyof typeof encodings];
    const text = encodeBase58Check(ours, bytes(size));
    expect(text).toBe(b58Encode(bytes(size), prefix));
    // The word at its front comes out right only with the right number of bytes behind it.
    expect(text.startsWith(prefix)).toBe(true);
    expect(decodeBase58Check(ours, size, text)).toEqual(bytes(size));
  });

  test("a wrong letter, a wrong length and another kind are refused", () => {
    const { prefix, size } = encodings.ed25519Address;
    const text = "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx";
    expect(decodeBase58Check(prefix, size, text)).toHaveLength(20);
    for (const wrong of [`${text.slice(0, -1)}y`, text.slice(0, -1), `${text}x`, "tz1", "", "0OIl"])
      expect(() => decodeBase58Check(prefix, size, wrong)).toThrow();
    expect(() => decodeBase58Check(encodings.p256Address.prefix, size, text)).toThrow("another prefix");
    expect(() => decodeBase58Check(prefix, 32, text)).toThrow("another length");
  });
});

describe("ids of chains", () => {
  test.each([
    ["shadownet", "NetXsqzbfFenSTS", "BMJTFWBgqGUzsvW4JLS1XuCYnpH18pBsLb5UvPCv2eiNC5vUeps"],
    ["the main network", "NetXdQprcVkpaWU", "BLockGenesisGenesisGenesisGenesisGenesisf79b5d1CoW2"],
  ])("of %s, from the hash of its block 0", (_, id, block) => {
    expect(toChainId(block)).toBe(id);
  });

  test("a chain's own name gives it a block 0 and an id of its own", () => {
    const [one, two] = [toGenesisHash("TEZOS_PORTOLAN_A"), toGenesisHash("TEZOS_PORTOLAN_B")];
    expect(one).not.toBe(two);
    expect(toChainId(one)).not.toBe(toChainId(two));
    expect(validateChain(toChainId(one))).toBe(3);
  });
});

describe("keys and accounts", () => {
  test("the well-known ones: bootstrap1 and the sandbox's activator", async () => {
    expect(toAddress("edpkuBknW28nW72KG6RoHtYW7p12T6GKc7nAbwYX5m8Wd9sDVC9yav")).toBe(
      "tz1KqTpEZ7Yob7QbPE4Hy4Wo8fHG8LhKxZSx",
    );
    const publicKey = "edpkuSLWfVU1Vq7Jg9FucPyKmma6otcMHac9zG4oU1KMHSTBpJuGQ2";
    expect(toAddress(publicKey)).toBe("tz1TGu6TN5GSez2ndXXeDX6LgUDvLzPLqgYV");
    const { prefix, size } = encodings.ed25519Seed;
    const seed = decodeBase58Check(prefix, size, "edsk31vznjHSSpGExDMHYASz45VZqXN4DPxvsa4hAyY8dHM28cZzp6");
    expect(toKeyPair(seed)).toMatchObject({ publicKey, address: "tz1TGu6TN5GSez2ndXXeDX6LgUDvLzPLqgYV" });
  });

  test("Taquito's signer takes a key of ours for the same account", async () => {
    const { secretKey, publicKey, address } = toKeyPair(bytes(32));
    const signer = new InMemorySigner(secretKey);
    expect(await signer.publicKey()).toBe(publicKey);
    expect(await signer.publicKeyHash()).toBe(address);
    expect(getPkhfromPk(publicKey)).toBe(address);
  });

  test.each([
    ["edpk", encodings.ed25519PublicKey],
    ["sppk", encodings.secp256k1PublicKey],
    ["p2pk", encodings.p256PublicKey],
  ])("addresses of %s keys are Taquito's", (word, { prefix, size }) => {
    const key = encodeBase58Check(prefix, bytes(size, 2));
    expect(key.startsWith(word)).toBe(true);
    expect(isPublicKey(key)).toBe(validatePublicKey(key) === 3);
    expect(toAddress(key)).toBe(getPkhfromPk(key));
    expect(isAddress(toAddress(key))).toBe(validateAddress(toAddress(key)) === 3);
  });

  test("a contract is no account, and a damaged key is none", () => {
    expect(isAddress("KT1PWx2mnDueood7fEmfbBDKx1D9BAnnXitn")).toBe(false);
    expect(isPublicKey("edpkuBknW28nW72KG6RoHtYW7p12T6GKc7nAbwYX5m8Wd9sDVC9yaw")).toBe(false);
  });

  test("a key of custody is told in Tezos' words", async () => {
    const { publicKey } = await octezSigner.createKey("activator", "ed25519");
    const facts = fromPem(publicKey);
    expect(getPkhfromPk(facts.publicKey)).toBe(facts.address);
    expect(() => fromPem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")).toThrow();
  });
});

describe("signatures", () => {
  const block = hexToBytes("8fcf233671b6a04fcf679d2a381c2544ea6c1ea29ba6157776ed8424c7ccd00b");
  const watermark = Uint8Array.from([1, ...decodeBase58Check([87, 82, 0], 4, "NetXsqzbfFenSTS")]);

  test("ours of a block is the one that Taquito makes, and Taquito takes it for its chain only", async () => {
    const { secretKey, publicKey } = toKeyPair(bytes(32));
    const raw = ed25519.sign(toSigned("NetXsqzbfFenSTS", block), bytes(32));
    const ours = encodeBase58Check(encodings.ed25519Signature.prefix, raw);
    const theirs = await new InMemorySigner(secretKey).sign(bytesToHex(block), watermark);
    expect(ours).toBe(theirs.prefixSig);
    expect(verifySignature(bytesToHex(block), publicKey, ours, watermark)).toBe(true);
    const elsewhere = ed25519.sign(toSigned("NetXdQprcVkpaWU", block), bytes(32));
    const other = encodeBase58Check(encodings.ed25519Signature.prefix, elsewhere);
    expect(verifySignature(bytesToHex(block), publicKey, other, watermark)).toBe(false);
  });
});

describe("identities", () => {
  test("have the members of an identity file, whose id is the key's", () => {
    const identity = toIdentity(bytes(32), bytes(24));
    expect(identity.peer_id).toBe(toPeerId(hexToBytes(identity.public_key)));
    expect(identity.peer_id).toMatch(/^id[1-9A-HJ-NP-Za-km-z]{28}$/);
    expect(identity.secret_key).toBe(bytesToHex(bytes(32)));
    expect(identity.proof_of_work_stamp).toHaveLength(48);
    expect(() => toIdentity(bytes(31), bytes(24))).toThrow();
  });

  test("the public key is the one that OpenSSL makes of the secret one", () => {
    const der = Buffer.concat([Buffer.from("302e020100300506032b656e04220420", "hex"), bytes(32)]);
    const { x } = createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" })).export({
      format: "jwk",
    });
    expect(toIdentity(bytes(32), bytes(24)).public_key).toBe(Buffer.from(x ?? "", "base64url").toString("hex"));
  });
});
