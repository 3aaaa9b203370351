export { type CertificateRequest, issueCertificate } from "./certificate.ts";
export { parseCsr } from "./csr.ts";
export { toLowS } from "./low-s.ts";
export { newP256Key } from "./p256-key.ts";
export { fromPem } from "./pem.ts";
export { issueCrl } from "./revocation-list.ts";
export { toSerialNumber } from "./serial-number.ts";
