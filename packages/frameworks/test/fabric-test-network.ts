import { createSign } from "node:crypto";
import type { Random } from "@portolan/domain";
import { seededRandom } from "@portolan/testing";
import type { FabricIdentity, NetworkDescription, SignBytes } from "../src/fabric/config/index.ts";
import { issueCertificate, newP256Key, toSerialNumber } from "../src/fabric/crypto/index.ts";

export interface TestKey {
  privateKeyPem: string;
  publicKeyPem: string;
}
export interface TestCertificate extends TestKey {
  pem: string;
  serial: string;
  sign: SignBytes;
}

export interface TestOrganisation {
  name: string;
  mspId: string;
  ca: TestCertificate;
  tlsCa: TestCertificate;
  admin: TestCertificate;
}

export interface TestOrderer {
  identity: TestCertificate;
  tls: TestCertificate;
}

export interface TestNetwork {
  description: NetworkDescription;
  ordererOrg: TestOrganisation;
  organisations: TestOrganisation[];
  orderers: TestOrderer[];
  /** Signs client certificates of the orderers' admin listeners. */
  operatorCa: TestCertificate;
  random: Random;
  issue: (request: IssueRequest) => Promise<TestCertificate>;
  identityOf: (organisation: TestOrganisation) => { identity: FabricIdentity; sign: SignBytes };
}

export const signWith =
  (key: TestKey): SignBytes =>
  async (data) =>
    createSign("sha256").update(data).sign(key.privateKeyPem);

export interface IssueRequest {
  commonName: string;
  unit?: string;
  usage: "ca" | "identity" | "tls";
  issuer?: TestCertificate;
  hosts?: string[];
  /** A renewal keeps it. */
  key?: TestKey;
}

const createIssue =
  (random: Random, now: Date) =>
  async (request: IssueRequest): Promise<TestCertificate> => {
    const key = request.key ?? newP256Key(random);
    const { pem, serial } = await issueCertificate({
      subject: {
        commonName: request.commonName,
        organisation: "Test",
        ...(request.unit === undefined ? {} : { unit: request.unit }),
      },
      publicKey: key.publicKeyPem,
      isAuthority: request.usage === "ca",
      usage: request.usage,
      ...(request.hosts === undefined ? {} : { hosts: request.hosts }),
      notBefore: new Date(now.getTime() - 300_000),
      notAfter: new Date(now.getTime() + 3_650 * 86_400_000),
      serial: toSerialNumber(random.bytes(16)),
      issuer: request.issuer === undefined ? null : { pem: request.issuer.pem },
      sign: signWith(request.issuer ?? key),
    });
    return { ...key, pem, serial, sign: signWith(key) };
  };

type Issue = ReturnType<typeof createIssue>;

const makeOrganisation = async (issue: Issue, name: string, mspId: string): Promise<TestOrganisation> => {
  const ca = await issue({ commonName: `ca.${name}`, usage: "ca" });
  const tlsCa = await issue({ commonName: `tlsca.${name}`, usage: "ca" });
  const admin = await issue({ commonName: `admin.${name}`, unit: "admin", usage: "identity", issuer: ca });
  return { name, mspId, ca, tlsCa, admin };
};

const makeOrderer = async (issue: Issue, organisation: TestOrganisation, index: number): Promise<TestOrderer> => ({
  identity: await issue({
    commonName: `orderer-${index}`,
    unit: "orderer",
    usage: "identity",
    issuer: organisation.ca,
  }),
  tls: await issue({
    commonName: `orderer-${index}`,
    usage: "tls",
    issuer: organisation.tlsCa,
    hosts: ["localhost", "127.0.0.1"],
  }),
});

const describeOrganisation = ({ name, mspId, ca, tlsCa }: TestOrganisation) => ({
  name,
  mspId,
  caPem: ca.pem,
  tlsCaPem: tlsCa.pem,
});

export const toConsenters = (
  ordererOrg: TestOrganisation,
  orderers: readonly TestOrderer[],
  ports: readonly number[],
): NetworkDescription["consenters"] =>
  orderers.map(({ identity, tls }, index) => ({
    id: index + 1,
    host: "127.0.0.1",
    port: ports[index] ?? 7_050 + index,
    mspId: ordererOrg.mspId,
    identityPem: identity.pem,
    tlsPem: tls.pem,
  }));

/** A network's material and the description of its channel `ch1`, without addresses that anybody listens on. */
export const createTestNetwork = async (options: {
  consensus: "raft" | "bft";
  orderers: number;
  organisations: number;
  ports?: readonly number[];
  now?: Date;
}): Promise<TestNetwork> => {
  const random = seededRandom(`fabric ${options.consensus} ${options.orderers}`);
  const issue = createIssue(random, options.now ?? new Date());
  const ordererOrg = await makeOrganisation(issue, "orderer", "OrdererMSP");
  const organisations: TestOrganisation[] = [];
  for (let index = 1; index <= options.organisations; index++)
    organisations.push(await makeOrganisation(issue, `org${index}`, `Org${index}MSP`));
  const orderers: TestOrderer[] = [];
  for (let index = 0; index < options.orderers; index++) orderers.push(await makeOrderer(issue, ordererOrg, index));
  const consenters = toConsenters(ordererOrg, orderers, options.ports ?? []);
  const description: NetworkDescription = {
    channelId: "ch1",
    consensus: options.consensus,
    ordererOrg: {
      ...describeOrganisation(ordererOrg),
      endpoints: consenters.map(({ host, port }) => `${host}:${port}`),
    },
    consenters,
    organisations: organisations.map((organisation, index) => ({
      ...describeOrganisation(organisation),
      anchors: [{ host: "127.0.0.1", port: 9_051 + index }],
    })),
    batch: { timeoutMs: 200, maxMessages: 500, absoluteMaxBytes: 10_485_760, preferredMaxBytes: 2_097_152 },
    policies: { endorsement: "MAJORITY Endorsement", lifecycle: "MAJORITY Endorsement" },
  };
  return {
    description,
    ordererOrg,
    organisations,
    orderers,
    operatorCa: await issue({ commonName: "operator", usage: "ca" }),
    random,
    issue,
    identityOf: (organisation) => ({
      identity: { mspId: organisation.mspId, pem: organisation.admin.pem },
      sign: organisation.admin.sign,
    }),
  };
};
