import { sign } from "node:crypto";
import { seededRandom } from "@portolan/testing";
import { describe, expect, test } from "vitest";
import { part, toSpec } from "../../test/fabric-material.ts";
import { issueCertificate, newP256Key, toSerialNumber } from "./crypto/index.ts";
import { review, reviewUpdate } from "./review.ts";
import { reviewPart } from "./review-part.ts";

const operator = { forks: [] };
const two = { organisations: [{ name: "org1" }, { name: "org2" }] };
const paths = (problems: readonly { path: string }[]): string[] => problems.map(({ path }) => path);

describe("a network", () => {
  test.each([
    [{ orderers: 2 }, "standard", ["settings.orderers"]],
    [{ orderers: 5 }, "standard", ["settings.orderers"]],
    [{ orderers: 5 }, "premium", []],
    [{ consensus: "bft" }, "dev", []],
    [{ consensus: "bft", orderers: 3 }, "premium", ["settings.orderers"]],
    [{ organisations: [{ name: "a", peers: 2 }] }, "dev", ["settings.organisations.0.peers"]],
    [{ organisations: [{ name: "a", mspId: "OrdererMSP" }] }, "dev", ["settings.organisations.0.mspId"]],
  ])("%j on plan %s", (settings, plan, expected) => {
    expect(paths(review({ ...toSpec(settings), plan }, operator))).toEqual(expected);
  });

  test("chaincode that the operator does not list is refused", () => {
    const spec = toSpec({}, [
      part("chaincode", "x", { channel: "main", source: { kind: "catalogue", name: "nothing" } }),
    ]);
    expect(review(spec, operator)[0]?.message).toContain("nothing");
  });
});

describe("chaincode at the customer's own address", () => {
  const of = (address: string, more: object = {}) =>
    toSpec({}, [
      part("channel", "main", {}),
      part("chaincode", "x", { channel: "main", source: { kind: "external", address, ...more } }),
    ]);
  const careful = { ...operator, externalChaincode: { mayDial: (address: string) => address !== "10.0.0.1:7052" } };

  test("is refused where the operator says that it may not be dialled", () => {
    expect(review(of("10.0.0.1:7052"), careful)).toMatchObject([
      { path: "settings.source.address", code: "address.forbidden", message: expect.stringContaining("10.0.0.1:7052") },
    ]);
    expect(review(of("cc.example.com:7052"), careful)).toEqual([]);
    expect(review(of("10.0.0.1:7052"), operator)).toEqual([]);
  });

  test("is refused where nodes don't reach the forwarder that would dial it", () => {
    expect(review(of("cc.example.com:7052"), { ...careful, isForwarderOutOfReach: true })).toMatchObject([
      { code: "address.forbidden", message: expect.stringContaining("in this region") },
    ]);
  });

  test("has the certificate of an authority, or none", async () => {
    const found = (rootCertificate: string) => {
      const spec = of("cc.example.com:1", { rootCertificate });
      const [, wished] = spec.parts;
      return wished === undefined ? ["no part"] : paths(reviewPart(spec, wished, null));
    };
    const key = newP256Key(seededRandom("root"));
    const make = async (isAuthority: boolean): Promise<string> =>
      (
        await issueCertificate({
          subject: { commonName: "root" },
          publicKey: key.publicKeyPem,
          isAuthority,
          usage: isAuthority ? "ca" : "tls",
          notBefore: new Date("2026-01-01"),
          notAfter: new Date("2036-01-01"),
          serial: toSerialNumber(new Uint8Array(16).fill(7)),
          issuer: null,
          sign: async (data) => sign("sha256", data, key.privateKeyPem),
        })
      ).pem;
    expect(found(await make(true))).toEqual([]);
    for (const wrong of ["", "nonsense", await make(false)])
      expect(found(wrong)).toEqual(["settings.source.rootCertificate"]);
  });
});

describe("chaincode by an image of the tenant's own", () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const of = (image: string) =>
    toSpec({}, [
      part("channel", "main", {}),
      part("chaincode", "x", { channel: "main", source: { kind: "image", image } }),
    ]);
  const judgePart = (image: string) => {
    const spec = of(image);
    const [, wished] = spec.parts;
    return wished === undefined ? [] : reviewPart(spec, wished, null);
  };

  test("is named whole and by its digest", () => {
    expect(judgePart(`ghcr.io/acme/assets@${digest}`)).toEqual([]);
    expect(judgePart("ghcr.io/acme/assets:1.0")).toMatchObject([
      {
        path: "settings.source.image",
        code: "image.digest_missing",
        hint: expect.stringContaining("ghcr.io/acme/assets@sha256:"),
      },
    ]);
    for (const wrong of ["assets", `assets@${digest}`, `https://ghcr.io/a@${digest}`, `user:pw@ghcr.io/a@${digest}`])
      expect(judgePart(wrong)).toMatchObject([{ path: "settings.source.image", hint: expect.any(String) }]);
  });

  test("comes from a registry that the operator lists", () => {
    expect(review(of(`ghcr.io/acme/assets@${digest}`), operator)).toEqual([]);
    const inside = of(`169.254.169.254:80/acme/assets@${digest}`);
    expect(review(inside, operator)).toMatchObject([
      {
        code: "image.registry_refused",
        message: expect.stringContaining("169.254.169.254:80"),
        hint: expect.stringContaining("ghcr.io"),
      },
    ]);
    expect(review(inside, { ...operator, tenantRegistries: ["169.254.169.254:80"] })).toEqual([]);
  });

  test("is refused where tenants' code is not kept apart, in one sentence", () => {
    expect(review(of(`ghcr.io/acme/assets@${digest}`), { ...operator, isTenantCodeRefused: true })).toMatchObject([
      { path: "settings.source.image", code: "image.not_isolated", hint: expect.stringContaining("tenantCode") },
    ]);
  });

  test("stays so, and other chaincode does not become so", () => {
    const channel = part("channel", "main", {});
    const wish = (source: object) => part("chaincode", "x", { channel: "main", source } as never);
    const [image, other] = [
      wish({ kind: "image", image: `ghcr.io/acme/assets@${digest}` }),
      wish({ kind: "image", image: `ghcr.io/acme/assets@${digest.replace("0", "1")}` }),
    ];
    const listed = wish({ kind: "catalogue", name: "asset-transfer" });
    const change = (former: typeof image, next: typeof image) =>
      paths(reviewPart(toSpec({}, [channel, next]), next, former));
    expect(change(image, other)).toEqual([]);
    expect(change(image, listed)).toEqual(["settings.source.kind"]);
    expect(change(listed, image)).toEqual(["settings.source.kind"]);
  });
});

describe("a change of a network", () => {
  const change = (before: object, after: object) =>
    paths(
      reviewUpdate({ ...toSpec(before as never), plan: "premium" }, { ...toSpec(after as never), plan: "premium" }),
    );

  test("consensus, MSP ids and the first organisation stay", () => {
    expect(change({}, { consensus: "bft" })).toContain("settings.consensus");
    expect(change(two, { organisations: [{ name: "org1" }, { name: "org2", mspId: "Other" }] })).toEqual([
      "settings.organisations.1.mspId",
    ]);
    expect(change(two, { organisations: [{ name: "org2" }, { name: "org1" }] })).toEqual(["settings.organisations.0"]);
    expect(change(two, { organisations: [{ name: "org1" }] })).toEqual([]);
  });

  test("an organisation stays while a channel or a chaincode names it", () => {
    const source = { kind: "external", address: "127.0.0.1:1" };
    const judge = (...parts: ReturnType<typeof part>[]) =>
      reviewUpdate(toSpec(two, parts), toSpec({ organisations: [{ name: "org1" }] }, parts));
    const named = part("channel", "main", { organisations: ["org1", "org2"] });
    const all = part("channel", "main", {});
    const chaincode = (settings: object) => part("chaincode", "basic", { channel: "main", source, ...settings });
    expect(judge(named)).toMatchObject([
      { path: "settings.organisations", message: expect.stringContaining("channel main"), hint: expect.any(String) },
    ]);
    for (const settings of [{ endorsementPolicy: "OR('Org2MSP.peer')" }, { organisations: ["org2"] }])
      expect(judge(all, chaincode(settings))).toMatchObject([{ message: expect.stringContaining("basic") }]);
    expect(judge(all, chaincode({}), part("identity", "app", { organisation: "org2" }))).toEqual([]);
    expect(judge({ ...named, isDeleted: true })).toEqual([]);
  });

  test("orderers go by number, for good, and while enough are left", () => {
    expect(change({ orderers: 1 }, { orderers: 3 })).toEqual([]);
    expect(change({ orderers: 5 }, { orderers: 3 })).toEqual(["settings.retiredOrderers"]);
    expect(change({ orderers: 5 }, { orderers: 3, retiredOrderers: [3, 4] })).toEqual([]);
    expect(change({ orderers: 3 }, { orderers: 1, retiredOrderers: [1, 2] })).toEqual(["settings.orderers"]);
    expect(change({ orderers: 3, retiredOrderers: [0] }, { orderers: 3 })).toContain("settings.retiredOrderers");
  });
});

describe("a part", () => {
  const channel = part("channel", "main", {});
  const refused = (kind: string, settings: object, name = "one", parts = [channel]) => {
    const wished = part(kind, name, settings as never);
    return paths(reviewPart(toSpec(two, [...parts, wished]), wished, null));
  };

  test("a channel has organisations of the network, and policies that can be met", () => {
    expect(refused("channel", {})).toEqual([]);
    expect(refused("channel", {}, "Upper")).toEqual(["name"]);
    expect(refused("channel", { organisations: ["org9"] })).toEqual(["settings.organisations"]);
    expect(refused("channel", { policies: { endorsement: "OR('Nobody.peer')" } })).toEqual([
      "settings.policies.endorsement",
    ]);
    expect(refused("channel", { batch: { preferredMaxBytes: 200_000, absoluteMaxBytes: 100_000 } })).toEqual([
      "settings.batch.preferredMaxBytes",
    ]);
  });

  test("a chaincode has a channel, organisations of it, and a policy that they can meet", () => {
    const source = { kind: "external", address: "127.0.0.1:1" };
    expect(refused("chaincode", { channel: "main", source })).toEqual([]);
    expect(refused("chaincode", { channel: "other", source })).toEqual(["settings.channel"]);
    expect(refused("chaincode", { channel: "main", source, organisations: ["org9"] })).toEqual([
      "settings.organisations",
    ]);
    expect(refused("chaincode", { channel: "main", source, endorsementPolicy: "OutOf(3, 'Org1MSP.peer')" })).toEqual([
      "settings.endorsementPolicy",
    ]);
  });

  test("a chaincode has no name of one of the peers' own", () => {
    const settings = { channel: "main", source: { kind: "external", address: "127.0.0.1:1" } };
    for (const name of ["lscc", "cscc", "qscc", "escc", "vscc"])
      expect(refused("chaincode", settings, name)).toEqual(["name"]);
  });

  test("an identity belongs to an organisation, and its request is read", () => {
    expect(refused("identity", { organisation: "org1" })).toEqual([]);
    // Nobody gets a certificate of it, so that an identity would be there and never come to life.
    expect(refused("identity", { organisation: "orderer" })).toEqual(["settings.organisation"]);
    expect(refused("identity", { organisation: "org9" })).toEqual(["settings.organisation"]);
    expect(refused("identity", { organisation: "org1", keys: { mode: "own", csr: "nonsense" } })).toEqual([
      "settings.keys.csr",
    ]);
  });

  test("a channel keeps the organisations that its chaincodes name", () => {
    const source = { kind: "external", address: "127.0.0.1:1" };
    const narrowed = part("channel", "main", { organisations: ["org2"] });
    const judge = (settings: object) => {
      const chaincode = part("chaincode", "basic", { channel: "main", source, ...settings });
      return reviewPart(toSpec(two, [narrowed, chaincode]), narrowed, { ...narrowed, settings: channel.settings });
    };
    expect(judge({ endorsementPolicy: "OR('Org1MSP.peer','Org2MSP.peer')" })).toMatchObject([
      { path: "settings.organisations", message: expect.stringContaining("basic") },
    ]);
    expect(paths(judge({ organisations: ["org1"] }))).toEqual(["settings.organisations"]);
    expect(judge({ endorsementPolicy: "OR('Org2MSP.peer')" })).toEqual([]);
    expect(judge({})).toEqual([]);
  });

  test("a chaincode stays on its channel, and a plan has so many", () => {
    const source = { kind: "external", address: "127.0.0.1:1" };
    const former = part("chaincode", "one", { channel: "main", source });
    const next = part("chaincode", "one", { channel: "side", source });
    const spec = toSpec(two, [channel, part("channel", "side", {}), next]);
    expect(paths(reviewPart(spec, next, former))).toEqual(["settings.channel"]);
    const many = Array.from({ length: 21 }, (_, index) => part("channel", `c${index}`, {}));
    const last = many[20] ?? channel;
    expect(reviewPart(toSpec(two, many), last, null)).toEqual([
      {
        path: "",
        code: "part.limit",
        message: "Plan standard has at most 20 channels.",
        hint: "Make another chain, or one on a larger plan.",
      },
    ]);
  });
});
