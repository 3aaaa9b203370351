import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiAccess } from "./api.ts";
import { type CertificateSubject, createAuthority } from "./pki/authority.ts";

/** Certificates, keys and kubeconfigs of one cluster, as files that only this user reads. */
export interface Credentials {
  readonly directory: string;
  /** Writes `<name>.crt` and `<name>.key`. */
  certify(name: string, subject: CertificateSubject): void;
  /** Certifies and writes `<name>.kubeconfig`; returns its path. */
  kubeconfig(name: string, subject: CertificateSubject): string;
  /** The administrator's. */
  readonly admin: { readonly text: string; readonly path: string; readonly access: ApiAccess };
}

/** `addresses` are those that the API server is called at, beside 127.0.0.1. */
export const createCredentials = (
  directory: string,
  server: string,
  addresses: readonly string[],
  now: number,
): Credentials => {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const authority = createAuthority("portolan-test-cluster", now);
  const write = (name: string, content: string): void => writeFileSync(join(directory, name), content, { mode: 0o600 });
  const base64 = (content: string): string => Buffer.from(content).toString("base64");
  const certify = (name: string, subject: CertificateSubject) => {
    const pair = authority.issue(subject);
    write(`${name}.crt`, pair.certificate);
    write(`${name}.key`, pair.key);
    return pair;
  };
  const kubeconfig = (name: string, subject: CertificateSubject) => {
    const pair = certify(name, subject);
    const cluster = { server, "certificate-authority-data": base64(authority.certificate) };
    const user = { "client-certificate-data": base64(pair.certificate), "client-key-data": base64(pair.key) };
    const text = JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "test", cluster }],
      users: [{ name, user }],
      contexts: [{ name: "test", context: { cluster: "test", user: name } }],
      "current-context": "test",
    });
    write(`${name}.kubeconfig`, text);
    const path = join(directory, `${name}.kubeconfig`);
    return { path, text, access: { server, authority: authority.certificate, ...pair } };
  };
  write("ca.crt", authority.certificate);
  write("ca.key", authority.key);
  const signer = generateKeyPairSync("ec", { namedCurve: "P-256" });
  write("service-accounts.key", signer.privateKey.export({ format: "pem", type: "pkcs8" }).toString());
  write("service-accounts.pub", signer.publicKey.export({ format: "pem", type: "spki" }).toString());
  const services = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
  const hosts = [...new Set(["127.0.0.1", ...addresses]), ...services];
  certify("apiserver", { name: "kube-apiserver", hosts });
  certify("apiserver-kubelet", { name: "apiserver-kubelet-client", organization: "system:masters" });
  return {
    directory,
    certify: (name, subject) => void certify(name, subject),
    kubeconfig: (name, subject) => kubeconfig(name, subject).path,
    admin: kubeconfig("admin", { name: "admin", organization: "system:masters" }),
  };
};
