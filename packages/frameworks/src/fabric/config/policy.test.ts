import { common, msp, peer } from "@hyperledger/fabric-protos";
import { DomainError } from "@portolan/domain";
import { expect, test } from "vitest";
import { parsePolicy, toApplicationPolicy } from "./policy.ts";

const organisations = [{ mspId: "Org1MSP", peers: 2 }, { mspId: "Org2MSP" }, { mspId: "org-3.example" }];

const render = (rule: common.SignaturePolicy | undefined, names: readonly string[]): string => {
  const outOf = rule?.getNOutOf();
  if (outOf === undefined) return names[rule?.getSignedBy() ?? -1] ?? "?";
  return `${outOf.getN()}(${outOf
    .getRulesList()
    .map((inner) => render(inner, names))
    .join(" ")})`;
};

const renderEnvelope = (envelope: common.SignaturePolicyEnvelope): string => {
  const names = envelope.getIdentitiesList().map((principal) => {
    const role = msp.MSPRole.deserializeBinary(principal.getPrincipal_asU8());
    return `${role.getMspIdentifier()}/${role.getRole()}`;
  });
  return render(envelope.getRule(), names);
};

const readConfigPolicy = (text: string): string => {
  const policy = common.ConfigPolicy.deserializeBinary(parsePolicy(text, organisations)).getPolicy();
  const value = policy?.getValue_asU8() ?? new Uint8Array();
  if (policy?.getType() === common.Policy.PolicyType.SIGNATURE)
    return renderEnvelope(common.SignaturePolicyEnvelope.deserializeBinary(value));
  const implicit = common.ImplicitMetaPolicy.deserializeBinary(value);
  return `${implicit.getRule()} ${implicit.getSubPolicy()}`;
};

test.each([
  ["ANY Endorsement", "0 Endorsement"],
  ["ALL Endorsement", "1 Endorsement"],
  [" MAJORITY  Endorsement ", "2 Endorsement"],
  ["OR('Org1MSP.peer')", "1(Org1MSP/3)"],
  ["AND('Org1MSP.peer', \"Org2MSP.member\")", "2(Org1MSP/3 Org2MSP/0)"],
  ["OutOf(2,'Org1MSP.peer','Org2MSP.peer','org-3.example.peer')", "2(Org1MSP/3 Org2MSP/3 org-3.example/3)"],
  ["or('Org1MSP.peer', and('Org2MSP.peer','org-3.example.peer'))", "1(Org1MSP/3 2(Org2MSP/3 org-3.example/3))"],
  ["AND('Org1MSP.peer','Org1MSP.peer')", "2(Org1MSP/3 Org1MSP/3)"],
])("reads %s", (text, expected) => {
  expect(readConfigPolicy(text)).toBe(expected);
});

test.each([
  ["OR('Org1MSP.peer'", 18, "is expected, not the end"],
  ["OR('Org1MSP.peer') x", 20, "is too much"],
  ["XOR('Org1MSP.peer')", 1, "AND, OR, OutOf"],
  ["OR()", 4, "AND, OR, OutOf"],
  ["OR('Org1MSP.peer';'Org2MSP.peer')", 18, "does not belong here"],
  ["OR('Org1MSP.boss')", 4, 'no role "boss"'],
  ["OR('Org1MSP')", 4, "is not an MSP id and a role"],
  ["OutOf('Org1MSP.peer', 2)", 7, "starts with a number"],
  ["OutOf(0, 'Org1MSP.peer')", 1, "no signature at all"],
  ["OutOf(2, 'Org1MSP.peer')", 1, "2 of 1"],
  ["AND('Org1MSP.peer', 'Org9MSP.peer')", 21, 'no organisation "Org9MSP"'],
  ["OR('Org1MSP.admin')", 4, "only peers endorse"],
  ["OutOf(3,'Org1MSP.peer','Org1MSP.peer','Org1MSP.member')", 1, "together can't meet it"],
  ["ANY Writers", 5, "peers don't meet"],
  ["'Org1MSP.peer'", 1, "a role alone"],
  ["/Channel/Application/Endorsement", 1, "can't refer to another"],
  ["", 1, "AND, OR, OutOf"],
])("refuses %s, at character %i", (text, at, problem) => {
  const parse = () => parsePolicy(text, organisations);
  expect(parse).toThrow(DomainError);
  expect(parse).toThrow(
    expect.objectContaining({
      code: "chain.settings_invalid",
      meta: { position: String(at) },
      hint: expect.any(String),
    }),
  );
  expect(parse).toThrow(problem);
});

test("deep nesting and long lists are refused, not followed", () => {
  const deep = `${"OR(".repeat(500)}'Org1MSP.peer'${")".repeat(500)}`;
  expect(() => parsePolicy(deep, organisations)).toThrow("nested deeper");
  const long = `OR(${Array.from({ length: 150 }, () => "'Org1MSP.peer'").join(",")})`;
  expect(() => parsePolicy(long, organisations)).toThrow("more than 100");
});

test("a chaincode's policy is signatures or one of the channel's", () => {
  const signatures = peer.ApplicationPolicy.deserializeBinary(toApplicationPolicy("AND('Org1MSP.peer','B.peer')"));
  const envelope = signatures.getSignaturePolicy();
  if (envelope === undefined) throw new Error("no signature policy");
  expect(renderEnvelope(envelope)).toBe("2(Org1MSP/3 B/3)");
  const reference = peer.ApplicationPolicy.deserializeBinary(toApplicationPolicy("/Channel/Application/Endorsement"));
  expect(reference.getChannelConfigPolicyReference()).toBe("/Channel/Application/Endorsement");
  expect(() => toApplicationPolicy("AND('Org1MSP.peer','B.peer')", organisations)).toThrow('no organisation "B"');
  expect(() => toApplicationPolicy("MAJORITY Endorsement")).toThrow("of its own");
  expect(() => toApplicationPolicy("/Channel/Application/Admins")).toThrow("no such policy");
});
