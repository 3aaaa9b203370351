import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  AuthorityKeyIdentifier,
  CRLNumber,
  Extension,
  id_ce_authorityKeyIdentifier,
  id_ce_cRLNumber,
  KeyIdentifier,
  RevokedCertificate,
  TBSCertList,
  Time,
  Version,
} from "@peculiar/asn1-x509";
import { toSigned } from "./der.ts";
import { readIssuer } from "./issuer.ts";
import { toLowS } from "./low-s.ts";
import { toPem } from "./pem.ts";

const toExtension = (extnID: string, value: unknown): Extension =>
  new Extension({ extnID, extnValue: new OctetString(AsnConvert.serialize(value)) });

/**
 * A certificate revocation list (v2), signed with ECDSA and SHA-256 in low-S form. It carries the issuer's key
 * identifier: by it a peer finds the list that belongs to a certificate's issuer. `serials` in hexadecimal.
 */
export const issueCrl = async (request: {
  issuerPem: string;
  serials: readonly string[];
  /** Grows with each list of the issuer. */
  number: number;
  thisUpdate: Date;
  nextUpdate: Date;
  sign: (tbs: Uint8Array) => Promise<Uint8Array>;
}): Promise<{ pem: string }> => {
  const issuer = readIssuer(request.issuerPem);
  const revocationDate = new Time(request.thisUpdate);
  const revoked = request.serials.map(
    (serial) =>
      new RevokedCertificate({ userCertificate: new Uint8Array(Buffer.from(serial, "hex")).buffer, revocationDate }),
  );
  const list = new TBSCertList({
    version: Version.v2,
    signature: new AlgorithmIdentifier({ algorithm: "1.2.840.10045.4.3.2" }),
    issuer: issuer.name,
    thisUpdate: new Time(request.thisUpdate),
    nextUpdate: new Time(request.nextUpdate),
    // An empty list of entries must be absent.
    ...(revoked.length === 0 ? {} : { revokedCertificates: revoked }),
    crlExtensions: [
      toExtension(
        id_ce_authorityKeyIdentifier,
        new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(issuer.keyIdentifier) }),
      ),
      toExtension(id_ce_cRLNumber, new CRLNumber(request.number)),
    ],
  });
  const tbs = new Uint8Array(AsnConvert.serialize(list));
  return { pem: toPem("X509 CRL", toSigned(tbs, toLowS(await request.sign(tbs)))) };
};
