import type { SessionResource } from "@portolan/contract";
import { DomainError } from "@portolan/domain";
import { decisionRepository, inTransaction, portalRepository, userRepository } from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import type { Changes } from "../../http/change.ts";
import type { Handler } from "../../http/handler.ts";
import { createRateLimiter } from "../../http/rate-limiter.ts";
import { issueSession, sessionSecrets } from "./issue-session.ts";
import { createPolicyGate } from "./policy-gate.ts";

/** The same words for a wrong portal, address, password or tenant: which one it was is nobody's business. */
const refused = (): DomainError =>
  new DomainError({ code: "credential.invalid", message: "The e-mail address or the password is wrong." });

/** POST /v1/sessions */
export const signIn = (deps: ApiDeps, changes: Changes): Handler<"sessions.create"> => {
  const { clients, passwords } = deps;
  const gate = createPolicyGate(deps);
  const perAddress = createRateLimiter("sign-in", deps.limits.signInPerAddress);
  const perEmail = createRateLimiter("sign-in-email", deps.limits.signInPerEmail);

  const lookUp = (slug: string, email: string) =>
    inTransaction(clients.system, async (transaction) => {
      const portal = await portalRepository.bySlug(transaction, slug);
      const user = portal === null ? null : await userRepository.byEmail(transaction, portal.id, email);
      const memberships = user === null ? [] : await userRepository.memberships(transaction, user.id);
      return { portal, user, memberships: memberships.filter(({ tenant }) => tenant.state === "active") };
    });

  return async ({ body, caller }) => {
    const { portal: slug, email, password } = body;
    const input = { scope: `sign-in/${slug}/${email}`, caller, body };
    // Before a replay is looked for: whether a recorded request matches tells whether the password does.
    await perAddress.consume(caller.address);
    await perEmail.consume(`${slug}/${email}`);
    const replay = await changes.replayed(input);
    if (replay !== null) {
      await perEmail.clear(`${slug}/${email}`);
      return replay as { body: SessionResource };
    }
    const { portal, user, memberships } = await lookUp(slug, email);
    const isRight = await passwords.verify(password, user?.passwordHash ?? null);
    if (!isRight || portal === null || user === null || user.state !== "active") throw refused();
    await perEmail.clear(`${slug}/${email}`);
    const membership = memberships.find(({ tenant }) => body.tenant === undefined || tenant.id === body.tenant);
    if (membership === undefined) throw refused();
    const tenantId = membership.tenant.id;
    const attributes = { stage: "signIn", "user.country": user.country } as const;
    const decision = await gate.judge({ portal, tenantId, attributes, requestId: caller.requestId });
    return changes.asSystem(input, async (transaction) => {
      await decisionRepository.insert(transaction, [decision]);
      const { sessionId, session } = await issueSession(deps, transaction, { userId: user.id, tenantId });
      return {
        body: session,
        secrets: sessionSecrets,
        audit: {
          tenantId,
          actor: { type: "user", id: user.id },
          action: "session.create",
          target: { type: "session", id: sessionId },
        },
      };
    });
  };
};
