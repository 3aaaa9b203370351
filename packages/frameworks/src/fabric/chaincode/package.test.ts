import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { catalogueChaincode, fabricSpec } from "../../../test/fabric-spec.ts";
import { chaincodesOf } from "../parts.ts";
import { toGzip, toTar } from "./archive.ts";
import { chaincodePackageOf, toChaincodePackage } from "./package.ts";

/** Reads a tar archive without the code under test: name, size and content by the fields of POSIX ustar. */
const readTar = (bytes: Uint8Array): Map<string, Buffer> => {
  const files = new Map<string, Buffer>();
  const archive = Buffer.from(bytes);
  for (let at = 0; archive[at] !== 0; ) {
    const field = (from: number, size: number): string =>
      archive.toString("latin1", at + from, at + from + size).replace(/\0.*$/, "");
    const size = Number.parseInt(field(124, 12), 8);
    const header = Buffer.from(archive.subarray(at, at + 512));
    const checksum = Number.parseInt(field(148, 6), 8);
    header.fill(" ", 148, 156);
    expect(header.reduce((sum, byte) => sum + byte, 0)).toBe(checksum);
    expect([field(156, 1), field(257, 6)]).toEqual(["0", "ustar"]);
    files.set(field(0, 100), archive.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
};

const input = { label: "basic", address: "127.0.0.1:9999", tls: { rootCertificate: "PEM" } };

test("a package says what it is and where the chaincode listens", () => {
  const { bytes, packageId } = toChaincodePackage(input);
  const outer = readTar(gunzipSync(bytes));
  expect([...outer.keys()]).toEqual(["metadata.json", "code.tar.gz"]);
  expect(JSON.parse(String(outer.get("metadata.json")))).toEqual({ path: "", type: "ccaas", label: "basic" });
  const code = readTar(gunzipSync(outer.get("code.tar.gz") ?? Buffer.alloc(0)));
  expect(JSON.parse(String(code.get("connection.json")))).toEqual({
    address: "127.0.0.1:9999",
    dial_timeout: "10s",
    tls_required: true,
    client_auth_required: false,
    root_cert: "PEM",
  });
  expect(packageId).toBe(`basic:${createHash("sha256").update(bytes).digest("hex")}`);
});

test("the id of a package is the same for ever", () => {
  expect(toChaincodePackage(input).packageId).toBe(recorded);
  expect(toChaincodePackage({ ...input, address: "127.0.0.1:9998" }).packageId).not.toBe(recorded);
});

test("without a root certificate the connection is plain", () => {
  const outer = readTar(gunzipSync(toChaincodePackage({ label: "x", address: "cc.example:1" }).bytes));
  const code = readTar(gunzipSync(outer.get("code.tar.gz") ?? Buffer.alloc(0)));
  expect(JSON.parse(String(code.get("connection.json")))).toEqual({
    address: "cc.example:1",
    dial_timeout: "10s",
    tls_required: false,
  });
});

test("refuses a label that a peer would refuse", () => {
  for (const label of ["", "-a", "a b", "a/b", "a:b"]) expect(() => toChaincodePackage({ ...input, label })).toThrow();
});

test("archives of any size are read back by others", () => {
  for (const size of [0, 1, 511, 512, 513, 65_535, 65_536, 200_000]) {
    const content = Buffer.alloc(size, "fabric");
    const read = readTar(gunzipSync(toGzip(toTar([{ name: "a/b.txt", content }]))));
    expect(read.get("a/b.txt")?.equals(content)).toBe(true);
  }
  expect(gunzipSync(toGzip(new Uint8Array())).byteLength).toBe(0);
});

const pem = (name: string, version: number, text: string, more: object = {}) => ({
  name,
  version,
  public: { pem: text, ...more },
});
const address = {
  node: "chaincode-basic-0",
  port: "grpc",
  host: "10.0.0.7",
  number: 7001,
  bindHost: "0.0.0.0",
  bindNumber: 1,
};

const rootOf = (material: ReturnType<typeof pem>[], version = "1.0"): [string, unknown] => {
  const part = catalogueChaincode("basic");
  const spec = fabricSpec({}, { parts: [{ ...part, settings: { ...part.settings, version } }] });
  const [wanted] = chaincodesOf(spec);
  if (wanted === undefined) throw new Error("no chaincode");
  const made = chaincodePackageOf(spec, wanted, { material, addresses: { local: [address] } });
  if (made === undefined) return ["", undefined];
  const code = readTar(gunzipSync(readTar(gunzipSync(made.bytes)).get("code.tar.gz") ?? Buffer.alloc(0)));
  const { address: where, root_cert } = JSON.parse(String(code.get("connection.json")));
  return [`${made.packageId.split(":")[0]} ${where}`, root_cert];
};

test("a chain's own chaincode: its address and the authority that its certificate is from", () => {
  expect(rootOf([])).toEqual(["", undefined]);
  expect(rootOf([pem("tlsca/org1", 1, "ROOT1")])).toEqual(["basic 10.0.0.7:7001", "ROOT1"]);
  const issued = pem("node/chaincode-basic-0/tls", 1, "LEAF", { issuer: "tlsca/org2" });
  expect(rootOf([pem("tlsca/org1", 1, "ROOT1"), pem("tlsca/org2", 1, "ROOT2"), issued])[1]).toBe("ROOT2");
});

test("another version of a chaincode is the same package: peers go on with what they have", () => {
  const material = [pem("tlsca/org1", 1, "ROOT1")];
  expect(rootOf(material, "2.0")).toEqual(rootOf(material, "1.0"));
});

const recorded = "basic:87c8a4af495e50cc0d886c3445f2fca8ab1b6ac37e96f5be6d4cf0e114f9c9fd";
