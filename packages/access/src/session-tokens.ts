import { type Clock, idPattern } from "@portolan/domain";
import { errors, jwtVerify, SignJWT } from "jose";
import { z } from "zod";

export interface SessionClaims {
  userId: string;
  tenantId: string;
  sessionId: string;
}

export interface SessionTokens {
  sign(claims: SessionClaims): Promise<{ token: string; expiresAt: Date }>;
  verify(token: string): Promise<SessionClaims | "expired" | "invalid">;
}

export const accessTokenSeconds = 15 * 60;

const algorithm = "HS256";
// Of its own type, so that no other token signed by the same key is ever taken for one (RFC 8725 §3.11).
const type = "portolan-session+jwt";

const payloadSchema = z.object({
  sub: z.string().regex(idPattern("usr")),
  ten: z.string().regex(idPattern("ten")),
  sid: z.string().regex(idPattern("ses")),
});

/** Access tokens: one algorithm, issuer, audience and type, all checked (RFC 8725). `signingKey`: 32 bytes or more. */
export const createSessionTokens = (deps: {
  signingKey: Uint8Array;
  clock: Clock;
  issuer?: string;
  audience?: string;
}): SessionTokens => {
  const { signingKey, clock, issuer = "portolan", audience = "portolan-api" } = deps;
  if (signingKey.byteLength < 32) throw new RangeError("The signing key needs 32 bytes.");
  return {
    sign: async ({ userId, tenantId, sessionId }) => {
      const issuedAt = Math.floor(clock.now().getTime() / 1000);
      const expiresAt = issuedAt + accessTokenSeconds;
      const token = await new SignJWT({ ten: tenantId, sid: sessionId })
        .setProtectedHeader({ alg: algorithm, typ: type })
        .setSubject(userId)
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(issuedAt)
        .setExpirationTime(expiresAt)
        .sign(signingKey);
      return { token, expiresAt: new Date(expiresAt * 1000) };
    },
    verify: async (token) => {
      try {
        const { payload } = await jwtVerify(token, signingKey, {
          algorithms: [algorithm],
          typ: type,
          issuer,
          audience,
          currentDate: clock.now(),
          requiredClaims: ["exp", "iat", "sub"],
        });
        const { sub, ten, sid } = payloadSchema.parse(payload);
        return { userId: sub, tenantId: ten, sessionId: sid };
      } catch (error) {
        return error instanceof errors.JWTExpired ? "expired" : "invalid";
      }
    },
  };
};
