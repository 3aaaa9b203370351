import { createHash } from "node:crypto";
import { common } from "@hyperledger/fabric-protos";
import { expect, test } from "vitest";
import { afterDays, createKeeper, part, toSpec } from "../../../test/fabric-material.ts";

const trade = (more = {}) => part("channel", "trade", {}, more);

test("a channel's genesis block holds the network's certificates, and says when it was made", async () => {
  const keeper = createKeeper();
  await keeper.pass(toSpec({ orderers: 3 }, [trade()]), afterDays(3));
  const { block, hash, part: id } = keeper.read("channel/trade/genesis");
  expect(id).toBe("channel_trade");
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  const decoded = common.Block.deserializeBinary(Buffer.from(String(block), "base64"));
  const data = decoded.getData()?.getDataList_asU8() ?? [];
  expect(Buffer.from(decoded.getHeader()?.getDataHash_asU8() ?? []).toString("hex")).toBe(
    createHash("sha256").update(Buffer.concat(data)).digest("hex"),
  );
  const envelope = common.Envelope.deserializeBinary(data[0] ?? new Uint8Array());
  const header = common.Payload.deserializeBinary(envelope.getPayload_asU8()).getHeader();
  const channelHeader = common.ChannelHeader.deserializeBinary(header?.getChannelHeader_asU8() ?? new Uint8Array());
  expect(channelHeader.getChannelId()).toBe("trade");
  expect(channelHeader.getTimestamp()?.getSeconds()).toBe(afterDays(3).getTime() / 1000);
  const signature = common.SignatureHeader.deserializeBinary(header?.getSignatureHeader_asU8() ?? new Uint8Array());
  expect(signature.getNonce_asU8()).toHaveLength(24);
  const bytes = Buffer.from(data[0] ?? []);
  for (const name of ["ca/org1", "tlsca/org1", "ca/orderer", "node/orderer-0/tls", "node/orderer-2/tls"])
    expect(bytes.includes(String(keeper.read(name)["pem"])), name).toBe(true);
});

test("a block is made once: neither a renewal nor a new organisation makes another", async () => {
  const keeper = createKeeper();
  await keeper.pass(toSpec({}, [trade()]));
  const later = toSpec({ organisations: [{ name: "org1" }, { name: "org2" }] }, [trade(), part("channel", "more", {})]);
  const made = await keeper.pass(later, afterDays(300));
  expect(made.filter(({ kind }) => kind === "genesis").map(({ name }) => name)).toEqual(["channel/more/genesis"]);
  expect(keeper.get("channel/trade/genesis")?.version).toBe(1);
});

test("who was revoked is revoked in a new channel from its first block on", async () => {
  const keeper = createKeeper();
  const alice = part("identity", "alice", { organisation: "org1" });
  await keeper.pass(toSpec({}, [alice]));
  await keeper.pass(toSpec({}, [{ ...alice, isDeleted: true }, trade()]));
  const block = Buffer.from(String(keeper.read("channel/trade/genesis")["block"]), "base64");
  expect(block.includes(String(keeper.read("crl/org1")["pem"]))).toBe(true);
});

test("a channel that is deleted before it was made has no block; a name that was used is refused", async () => {
  const keeper = createKeeper();
  await keeper.pass(toSpec({}, [trade({ isDeleted: true })]));
  expect(keeper.get("channel/trade/genesis")).toBeUndefined();
  await keeper.pass(toSpec({}, [trade()]));
  const again = toSpec({}, [trade({ isDeleted: true }), trade({ id: "another" })]);
  await expect(keeper.pass(again)).rejects.toMatchObject({ code: "chain.settings_invalid" });
});
