import type { BodyOf, SignupResource } from "@portolan/contract";
import { checkPassword, DomainError, passwordProblemMessages } from "@portolan/domain";
import {
  decisionRepository,
  inTransaction,
  type NewDecision,
  type PortalRecord,
  portalRepository,
  tenantRepository,
  userRepository,
} from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import type { Changes, Outcome } from "../../http/change.ts";
import type { Handler } from "../../http/handler.ts";
import { invalidField, notFound } from "../../http/invalid-request.ts";
import { createRateLimiter } from "../../http/rate-limiter.ts";
import { presentTenant, presentUser } from "../me/present.ts";
import { issueSession, sessionSecrets } from "./issue-session.ts";
import { createPolicyGate } from "./policy-gate.ts";

type SignupBody = BodyOf<"signup.create">;

const demandOpen = (portal: PortalRecord): void => {
  if (portal.signupMode === "open") return;
  throw new DomainError({
    code: "signup.closed",
    message: "This portal does not take new accounts by itself.",
    hint: "Ask the operator of the portal for an account.",
  });
};

const demandGoodPassword = (password: string, email: string): void => {
  const problem = checkPassword(password, email);
  if (problem !== null) throw invalidField("password", problem, passwordProblemMessages[problem]);
};

/** POST /v1/signup: a tenant, its owner and a first session, in one transaction. */
export const signUp = (deps: ApiDeps, changes: Changes): Handler<"signup.create"> => {
  const { clients, clock, ids, passwords } = deps;
  const gate = createPolicyGate(deps);
  const perAddress = createRateLimiter("signup", deps.limits.signUpPerAddress);
  const perEmail = createRateLimiter("signup-email", deps.limits.signUpPerEmail);

  return async ({ body, caller }) => {
    const { email } = body;
    const portal = await inTransaction(clients.system, (transaction) =>
      portalRepository.bySlug(transaction, body.portal),
    );
    if (portal === null) throw notFound("portal");
    const input = { scope: `signup/${portal.id}/${email}`, caller, body };
    // Before a replay is looked for: whether a recorded request matches tells whether the password does.
    await perAddress.consume(caller.address);
    await perEmail.consume(`${portal.id}/${email}`);
    const replay = await changes.replayed(input);
    if (replay !== null) return replay as { body: SignupResource };
    demandOpen(portal);
    demandGoodPassword(body.password, email);
    const tenantId = ids.next("tenant");
    const attributes = { stage: "signup", "user.country": body.country } as const;
    const decision = await gate.judge({ portal, tenantId: portal.id, attributes, requestId: caller.requestId });
    // Hashing takes its time: before the transaction, never inside it.
    const passwordHash = await passwords.hash(body.password);
    return changes.asSystem(input, (transaction) =>
      insertTenant({ ...deps, clock, ids }, transaction, { body, portal, tenantId, passwordHash, decision }),
    );
  };
};

const insertTenant = async (
  deps: ApiDeps,
  transaction: Parameters<Parameters<Changes["asSystem"]>[1]>[0],
  input: { body: SignupBody; portal: PortalRecord; tenantId: string; passwordHash: string; decision: NewDecision },
): Promise<Outcome<SignupResource>> => {
  const { body, portal, tenantId, passwordHash, decision } = input;
  const { country, email } = body;
  const createdAt = deps.clock.now();
  const userId = deps.ids.next("user");
  const user = { id: userId, portalId: portal.id, email, emailKey: email, country, state: "active", createdAt };
  if (!(await userRepository.insert(transaction, { ...user, passwordHash }))) {
    throw new DomainError({
      code: "signup.email_taken",
      message: "This e-mail address has an account at this portal.",
      hint: "Sign in at POST /v1/sessions.",
    });
  }
  const tenant = await tenantRepository.insert(transaction, {
    id: tenantId,
    portalId: portal.id,
    name: body.tenant.name,
    country,
    kind: "customer",
    createdAt,
  });
  await tenantRepository.insertMember(transaction, {
    id: deps.ids.next("member"),
    tenantId,
    userId,
    role: "owner",
    createdAt,
  });
  // The verdict was made before there was a tenant; now it is the tenant's to read.
  await decisionRepository.insert(transaction, [{ ...decision, tenantId }]);
  const { session } = await issueSession(deps, transaction, { userId, tenantId });
  return {
    body: { tenant: presentTenant(tenant, portal.slug), user: presentUser(user), ...session },
    secrets: sessionSecrets,
    audit: {
      tenantId,
      actor: { type: "user", id: userId },
      action: "tenant.create",
      target: { type: "tenant", id: tenantId },
      detail: { portal: portal.slug, country },
    },
  };
};
