/** X.509 for whoever needs a certificate of its own: made and signed here, without a CA server. */
export { type CertificateRequest, issueCertificate, newP256Key, toSerialNumber } from "./fabric/crypto/index.ts";
