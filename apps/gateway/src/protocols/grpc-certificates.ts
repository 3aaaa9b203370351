import { sign, X509Certificate } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Clock, Random } from "@portolan/domain";
import { issueCertificate, newP256Key, toSerialNumber } from "@portolan/frameworks/certificates";
import { hasErrorCode, type Logger, replaceFile } from "@portolan/kit";
import { parseGrpcName, renderGrpcName } from "./grpc-name.ts";

/** What the TLS listener shows, by server name. */
export interface ServerCertificates {
  /** For a name that is nobody's: one of the domain. Rejects when none can be made; the handshake fails then. */
  contextFor(serverName: string): Promise<SecureContext>;
  /** The first to show, before a name is known. */
  fallback(): { key: string; cert: string };
  /** PEM of our own authority; `null` with certificates of the operator's. */
  readonly authorityPem: string | null;
}

export interface CertificateFiles {
  cert: string;
  key: string;
}

export interface ServerCertificateDeps {
  /** Where our own authority is kept, 0600. */
  dir: string;
  domain: string;
  files?: CertificateFiles;
  /** Certificates are made for chains that are there, and for nothing else that a stranger names. */
  isKnown(chainId: string): boolean;
  clock: Clock;
  random: Random;
  log: Pick<Logger, "info" | "warn">;
}

const dayMs = 86_400_000;
const authorityMs = 3_650 * dayMs;
const authorityRenewMs = 180 * dayMs;
const leafMs = 90 * dayMs;
const leafRenewMs = 30 * dayMs;
/** Clocks of callers may be behind. */
const backdateMs = 300_000;
const maxKept = 1_000;
const rereadMs = 60_000;

interface Pair {
  cert: string;
  key: string;
}

const readPair = async ({ cert, key }: CertificateFiles): Promise<Pair> => ({
  cert: await readFile(cert, "utf8"),
  key: await readFile(key, "utf8"),
});

const endOf = (pem: string): number => Date.parse(new X509Certificate(pem).validTo);

const openAuthority = async ({ dir, domain, clock, random, log }: ServerCertificateDeps): Promise<Pair> => {
  const files = { cert: join(dir, "ca.pem"), key: join(dir, "ca-key.pem") };
  const now = clock.now().getTime();
  try {
    const pair = await readPair(files);
    if (endOf(pair.cert) - now > authorityRenewMs) return pair;
    log.warn({ file: files.cert }, "the authority of the gRPC listener is renewed: callers must trust the new one");
  } catch (err) {
    if (!hasErrorCode(err, "ENOENT")) throw err;
  }
  const { privateKeyPem, publicKeyPem } = newP256Key(random);
  const { pem } = await issueCertificate({
    subject: { commonName: `Portolan gateway ${domain}` },
    publicKey: publicKeyPem,
    isAuthority: true,
    usage: "ca",
    notBefore: new Date(now - backdateMs),
    notAfter: new Date(now + authorityMs),
    serial: toSerialNumber(random.bytes(16)),
    issuer: null,
    sign: async (tbs) => sign("sha256", tbs, privateKeyPem),
  });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await replaceFile(files.key, privateKeyPem);
  await replaceFile(files.cert, pem);
  return { cert: pem, key: privateKeyPem };
};

/** The operator's own files, looked at again when they change. */
const openOperators = async (
  files: CertificateFiles,
  { clock, log }: Pick<ServerCertificateDeps, "clock" | "log">,
): Promise<ServerCertificates> => {
  let pair = await readPair(files);
  let context = createSecureContext(pair);
  let changedMs = (await stat(files.cert)).mtimeMs;
  let lookedMs = clock.now().getTime();
  return {
    authorityPem: null,
    fallback: () => pair,
    contextFor: async () => {
      const now = clock.now().getTime();
      if (now - lookedMs < rereadMs) return context;
      lookedMs = now;
      try {
        const { mtimeMs } = await stat(files.cert);
        if (mtimeMs === changedMs) return context;
        const next = await readPair(files);
        // A pair that does not fit throws, and the former one stays.
        context = createSecureContext(next);
        pair = next;
        changedMs = mtimeMs;
        log.info({ file: files.cert }, "the gRPC listener has a new certificate");
      } catch (err) {
        log.warn({ err, file: files.cert }, "the gRPC listener's certificate can't be read; the former one stays");
      }
      return context;
    },
  };
};

/**
 * Certificates of the gRPC listener: the operator's pair for all names, or an authority of our own and a certificate for
 * each chain, made when it is first asked for and again when two thirds of its time are over. Throws when files can't
 * be read.
 */
export const openServerCertificates = async (deps: ServerCertificateDeps): Promise<ServerCertificates> => {
  const { files, domain, clock, random, isKnown, log } = deps;
  if (files !== undefined) return openOperators(files, deps);
  const authority = await openAuthority(deps);
  const leafKey = newP256Key(random);
  const issue = async (hosts: readonly string[]): Promise<Pair> => {
    const now = clock.now().getTime();
    const { pem } = await issueCertificate({
      subject: { commonName: (hosts[0] ?? domain).slice(0, 64) },
      publicKey: leafKey.publicKeyPem,
      isAuthority: false,
      usage: "tls",
      hosts,
      notBefore: new Date(now - backdateMs),
      notAfter: new Date(now + leafMs),
      serial: toSerialNumber(random.bytes(16)),
      issuer: { pem: authority.cert },
      sign: async (tbs) => sign("sha256", tbs, authority.key),
    });
    return { cert: `${pem}${authority.cert}`, key: leafKey.privateKeyPem };
  };
  const common = [`*.${domain}`, domain, "localhost", "127.0.0.1", "::1"];
  const first = await issue(common);
  const kept = new Map<string, { context: Promise<SecureContext>; endsMs: number }>();
  const keep = (name: string, hosts: readonly string[]): Promise<SecureContext> => {
    const now = clock.now().getTime();
    const found = kept.get(name);
    if (found !== undefined && found.endsMs - now > leafRenewMs) return found.context;
    if (kept.size >= maxKept) kept.delete(kept.keys().next().value ?? "");
    const context = issue(hosts).then((pair) => createSecureContext(pair));
    kept.set(name, { context, endsMs: now + leafMs });
    context.catch((err: unknown) => {
      kept.delete(name);
      log.warn({ err, name }, "a certificate of the gRPC listener could not be made");
    });
    return context;
  };
  return {
    authorityPem: authority.cert,
    fallback: () => first,
    contextFor: (serverName) => {
      const found = parseGrpcName(serverName, domain);
      if (found === null || !isKnown(found.chainId)) return keep("", common);
      const name = renderGrpcName(found.chainId, domain);
      // One certificate does for the chain and all its labels.
      return keep(name, [name, `*.${name}`]);
    },
  };
};
