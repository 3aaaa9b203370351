import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { KubeConfig } from "@kubernetes/client-node";
import { DomainError } from "@portolan/domain";
import { hasErrorCode } from "@portolan/kit";
import { createKubeClient, type KubeClient } from "../client/client.ts";
import { type KubeAccess, type KubeAccessSettings, openKubeAccess } from "../client/kube-access.ts";
import { KubeError } from "../client/kube-error.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";

export interface Connection {
  client: KubeClient;
  findings: Finding[];
  /** Major and minor, as the API server says them. */
  version: { major: number; minor: number; text: string };
}

const check = "cluster";
const allowedSkewMs = 10_000;
const soonMs = 30 * 86_400_000;
const answerMs = 10_000;

/** Codes of everything that led to the error, the error's own first. */
const codesOf = (error: unknown): string[] => {
  const codes: string[] = [];
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if ("code" in cause && typeof cause.code === "string") codes.push(cause.code);
  return codes;
};

const textOf = (error: unknown): string => (error instanceof Error ? error.message : "unknown reason").slice(0, 300);

const open = async (access: KubeAccessSettings): Promise<KubeAccess | Finding> => {
  const file = "inCluster" in access ? undefined : access.kubeconfig;
  try {
    if (file !== undefined) {
      const config = new KubeConfig();
      config.loadFromString(await readFile(file, "utf8"));
      const context = ("inCluster" in access ? undefined : access.context) ?? config.getCurrentContext();
      if (config.getContextObject(context) === null) {
        const known = config.getContexts().map(({ name }) => name);
        const message = `The kubeconfig has no context ${context || "that is its current one"}.`;
        return wrong(check, message, `Name one with --context: ${known.join(", ") || "it has none"}.`);
      }
    }
    return openKubeAccess(access);
  } catch (error) {
    if (error instanceof DomainError) return wrong(check, error.message, error.hint ?? "Give another kubeconfig.");
    if (file === undefined)
      return wrong(
        check,
        "This is no pod of a cluster with a service account.",
        "Give a kubeconfig instead of --in-cluster.",
      );
    if (hasErrorCode(error, "ENOENT"))
      return wrong(check, `There is no file ${file}.`, "Give --kubeconfig another path.");
    if (hasErrorCode(error, "EACCES", "EISDIR"))
      return wrong(check, `${file} can't be read.`, "It must be a plain file that this user may read.");
    return wrong(
      check,
      `${file} is no kubeconfig: ${textOf(error)}`,
      "Try it: kubectl --kubeconfig FILE get namespaces.",
    );
  }
};

const tlsProblems: { readonly [code: string]: readonly [message: string, fix: string] } = {
  CERT_HAS_EXPIRED: ["The API server's certificate has expired.", "Renew it on the cluster."],
  CERT_NOT_YET_VALID: [
    "The API server's certificate is not valid yet.",
    "Switch time synchronisation on, here and on the cluster.",
  ],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    "The API server's certificate is for another name.",
    "Use the server address that it is for, or set tls-server-name in the kubeconfig.",
  ],
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: ["The cluster asks for a certificate.", "Take a new kubeconfig from it."],
};

const trustProblem = [
  "The API server's certificate is not from the authority that the kubeconfig names.",
  "Take a new kubeconfig from the cluster: its certificate-authority-data is another's.",
] as const;

const untrusted = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_SIGNATURE_FAILURE",
]);

/** Why the first call failed, in one sentence that says what to do. */
const toConnectFinding = (error: unknown, server: string): Finding => {
  if (error instanceof KubeError) {
    if (error.status === 401)
      return wrong(check, "The cluster does not know this credential, or it has expired.", "Take a new kubeconfig.");
    if (error.status === 403)
      return wrong(check, "The cluster forbids even its version.", "Apply deploy/kubernetes/rbac.yaml.");
    return wrong(
      check,
      `${server} answers ${error.status}.`,
      "Look at the API server's log; a proxy may be in between.",
    );
  }
  const codes = codesOf(error);
  for (const code of codes) {
    const known = tlsProblems[code];
    if (known !== undefined) return wrong(check, ...known);
    if (untrusted.has(code)) return wrong(check, ...trustProblem);
    if (code === "ENOTFOUND" || code === "EAI_AGAIN")
      return wrong(
        check,
        `The name in ${server} is not known.`,
        "Look at `server` in the kubeconfig, and at this machine's DNS.",
      );
    if (code === "ECONNREFUSED")
      return wrong(
        check,
        `Nothing listens at ${server}.`,
        "Look whether the API server runs, and at `server` in the kubeconfig.",
      );
    if (/ALERT|SSLV3|TLSV1/.test(code))
      return wrong(check, `The cluster refuses the credential's certificate (${code}).`, "Take a new kubeconfig.");
  }
  if (/credential for the cluster/.test(textOf(error)))
    return wrong(
      check,
      `The program that the kubeconfig names for credentials failed: ${textOf(error instanceof Error ? error.cause : error)}`,
      "Run it by hand; it must be on this user's PATH.",
    );
  return wrong(
    check,
    `${server} does not answer (${codes[0] ?? textOf(error)}).`,
    "Look at the network between, and at firewalls.",
  );
};

/** A client certificate in the kubeconfig says by itself when it ends. */
const checkCredential = async (access: KubeAccess, now: number): Promise<Finding[]> => {
  const { cert } = await access.options();
  const pem = typeof cert === "string" || Buffer.isBuffer(cert) ? cert : certificateOf(access);
  if (pem === undefined) return [];
  const endsAt = Date.parse(new X509Certificate(pem).validTo);
  const day = new Date(endsAt).toISOString().slice(0, 10);
  if (endsAt <= now)
    return [wrong("credential", `The kubeconfig's certificate expired on ${day}.`, "Take a new one from the cluster.")];
  if (endsAt - now < soonMs)
    return [
      note("credential", `the kubeconfig's certificate ends on ${day}`, "Take a new one from the cluster before then."),
    ];
  return [ok("credential", `its certificate is good until ${day}`)];
};

const certificateOf = ({ config }: KubeAccess): Buffer | undefined => {
  const data = config.getCurrentUser()?.certData;
  return data === undefined ? undefined : Buffer.from(data, "base64");
};

const toSkew = (date: string | undefined, now: number): Finding => {
  if (date === undefined) return note("clock", "not compared: the API server gave no date", "Compare it by hand.");
  // A Date header has whole seconds.
  const skewMs = Math.abs(Date.parse(date) + 500 - now);
  if (skewMs <= allowedSkewMs) return ok("clock", `within ${Math.ceil(skewMs / 1000)} s of the cluster's`);
  return wrong(
    "clock",
    `This machine's clock is ${Math.round(skewMs / 1000)} s away from the cluster's.`,
    "Switch time synchronisation on (NTP), here and there.",
  );
};

/** Opens the kubeconfig and asks for the version: whatever stands in between is one clear finding. */
export const connect = async (settings: KubeAccessSettings, now: () => number): Promise<Connection | Finding[]> => {
  const access = await open(settings);
  if ("check" in access) return [access];
  const client = createKubeClient({ access, timeoutMs: answerMs, patienceMs: 15_000 });
  const server = access.server.origin;
  const fail = (...findings: Finding[]): Finding[] => {
    client.close();
    return findings;
  };
  const credential = await checkCredential(access, now()).catch(() => []);
  const expired = credential.filter(({ state }) => state === "wrong");
  try {
    const answer = await client.stream({ method: "GET", path: "/version" });
    const { date } = answer.headers;
    let text = "";
    for await (const piece of answer) text += String(piece).slice(0, 100_000);
    const said = JSON.parse(text) as { major?: string; minor?: string; gitVersion?: string };
    const version = {
      major: Number.parseInt(said.major ?? "", 10),
      minor: Number.parseInt(said.minor ?? "", 10),
      text: said.gitVersion ?? "unknown",
    };
    return { client, version, findings: [ok(check, `${server} answers`), ...credential, toSkew(date, now())] };
  } catch (error) {
    return expired.length > 0 ? fail(...expired) : fail(toConnectFinding(error, server));
  }
};
