import { AsnConvert } from "@peculiar/asn1-schema";
import { Certificate, id_ce_subjectKeyIdentifier, type Name, SubjectKeyIdentifier } from "@peculiar/asn1-x509";
import { fromPem } from "./pem.ts";

/** What is copied out of an authority's certificate into what it signs. */
export interface Issuer {
  name: Name;
  keyIdentifier: ArrayBuffer;
  notAfter: Date;
}

/** Throws on what is not a certificate with a subject key identifier: the plane's own authorities have one. */
export const readIssuer = (pem: string): Issuer => {
  const der = fromPem(pem, "CERTIFICATE");
  if (der === undefined) throw new Error("an authority's certificate is not PEM");
  const { subject, validity, extensions } = AsnConvert.parse(der, Certificate).tbsCertificate;
  const found = extensions?.find(({ extnID }) => extnID === id_ce_subjectKeyIdentifier);
  if (found === undefined) throw new Error("an authority's certificate has no subject key identifier");
  const keyIdentifier = AsnConvert.parse(found.extnValue, SubjectKeyIdentifier).buffer;
  return { name: subject, keyIdentifier, notAfter: validity.notAfter.getTime() };
};
