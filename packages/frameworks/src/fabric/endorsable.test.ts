import { expect, test } from "vitest";
import { part, toSpec } from "../../test/fabric-material.ts";
import { isEndorsable } from "./endorsable.ts";
import { chaincodesOf } from "./parts.ts";

const organisations = ["org1", "org2", "org3"];

/** `policy` is the channel's unless it is told to be the chaincode's own. */
const judge = (hosts: readonly string[], policy: { channel?: string; own?: string } = {}): boolean => {
  const channel = part(
    "channel",
    "main",
    policy.channel === undefined ? {} : { policies: { endorsement: policy.channel } },
  );
  const chaincode = part("chaincode", "basic", {
    channel: "main",
    source: { kind: "external", address: "127.0.0.1:9999" },
    ...(policy.own === undefined ? {} : { endorsementPolicy: policy.own }),
  });
  const spec = toSpec({ organisations: organisations.map((name) => ({ name })) }, [channel, chaincode]);
  const [found] = chaincodesOf(spec);
  if (found === undefined) throw new Error("no chaincode");
  return isEndorsable(spec, found.settings, { organisations, hosts });
};

test.each([
  [["org1", "org2"], {}, true],
  [["org1"], {}, false],
  [["org1"], { channel: "ANY Endorsement" }, true],
  [["org1", "org2"], { channel: "ALL Endorsement" }, false],
  [organisations, { channel: "ALL Endorsement" }, true],
  [["org1"], { channel: "OR('Org1MSP.peer','Org2MSP.peer')" }, true],
  [["org1"], { channel: "AND('Org1MSP.peer','Org2MSP.peer')" }, false],
  [["org1"], { own: "OR('Org1MSP.peer')" }, true],
  [["org1"], { own: "/Channel/Application/Endorsement", channel: "ANY Endorsement" }, true],
  [["org1"], { own: "/Channel/Application/LifecycleEndorsement", channel: "ANY Endorsement" }, false],
])("with the chaincode on peers of %j, and %j: %s", (hosts, policy, isMet) => {
  expect(judge(hosts, policy)).toBe(isMet);
});
