import { hashCredential } from "@portolan/access";
import type { SessionResource } from "@portolan/contract";
import { DomainError, parseRefreshToken } from "@portolan/domain";
import { inTransaction, type Rotation, sessionRepository } from "@portolan/store";
import type { ApiDeps } from "../../api-deps.ts";
import { actorOf, type Changes } from "../../http/change.ts";
import type { Handler, Handlers } from "../../http/handler.ts";
import { newRefreshToken, sessionLifetimeMs, sessionSecrets } from "./issue-session.ts";
import { signIn } from "./sign-in.ts";
import { signUp } from "./sign-up.ts";

type SessionHandlers = Pick<
  Handlers,
  "signup.create" | "sessions.create" | "sessions.refresh" | "sessions.deleteCurrent"
>;

const ended = (): DomainError =>
  new DomainError({
    code: "session.invalid",
    message: "The session has ended.",
    hint: "Sign in again at POST /v1/sessions.",
  });

const refresh = (deps: ApiDeps, changes: Changes): Handler<"sessions.refresh"> => {
  const { clients, clock, random, tokens } = deps;

  /** A token that comes back after it was used is in two hands: nobody keeps the session. */
  const endReused = async (rotation: Rotation): Promise<void> => {
    if (rotation.outcome !== "reused") return;
    await inTransaction(clients.system, (transaction) =>
      sessionRepository.revoke(transaction, rotation.sessionId, clock.now()),
    );
    deps.authenticator.forget(rotation.sessionId);
  };

  return async ({ body, caller }) => {
    if (parseRefreshToken(body.refreshToken) === null) throw ended();
    const presentedHash = hashCredential(body.refreshToken);
    let rotation: Rotation = { outcome: "unknown" };
    try {
      return await changes.asSystem<SessionResource>(
        { scope: `refresh/${presentedHash}`, caller, body },
        async (transaction) => {
          const now = clock.now();
          const { refreshToken, refreshHash: nextHash } = newRefreshToken(random);
          const expiresAt = new Date(now.getTime() + sessionLifetimeMs);
          rotation = await sessionRepository.rotate(transaction, { presentedHash, nextHash, now, expiresAt });
          if (rotation.outcome !== "rotated") throw ended();
          const { token, expiresAt: tokenEnds } = await tokens.sign(rotation.session);
          return {
            body: { token, refreshToken, expiresAt: tokenEnds.toISOString() },
            secrets: sessionSecrets,
            audit: null,
          };
        },
      );
    } catch (error) {
      // The refusal has rolled its transaction back, and with it the end of the session.
      await endReused(rotation);
      throw error;
    }
  };
};

export const sessionHandlers = (deps: ApiDeps, changes: Changes): SessionHandlers => ({
  "signup.create": signUp(deps, changes),
  "sessions.create": signIn(deps, changes),
  "sessions.refresh": refresh(deps, changes),
  "sessions.deleteCurrent": async ({ principal, caller }) => {
    const { sessionId, tenantId } = principal;
    if (sessionId === undefined) {
      throw new DomainError({
        code: "session.invalid",
        message: "A service account has no session.",
        hint: "Revoke it at DELETE /v1/service-accounts/{serviceAccount}.",
      });
    }
    const answer = await changes.asSystem<undefined>({ scope: "sign-out", caller, body: null }, async (transaction) => {
      await sessionRepository.revoke(transaction, sessionId, deps.clock.now());
      return {
        body: undefined,
        audit: {
          tenantId,
          actor: actorOf(principal),
          action: "session.delete",
          target: { type: "session", id: sessionId },
        },
      };
    });
    deps.authenticator.forget(sessionId);
    return answer;
  },
});
