import { passwordMaxLength, passwordMinLength, passwordProblemMessages } from "@portolan/domain";
import { z } from "zod";
import { defineRoute } from "../route.ts";
import { country, email, id, name, noContent, slug, time } from "../schemas.ts";
import { tenant, user } from "./me.ts";

/** Code points are counted by the domain's rule; twice as many UTF-16 units bound the work before it. */
const newPassword = z
  .string()
  .min(passwordMinLength, passwordProblemMessages.too_short)
  .max(passwordMaxLength * 2, passwordProblemMessages.too_long);
const password = z
  .string()
  .min(1)
  .max(passwordMaxLength * 2);

/** A replayed answer carries no token: those fields are absent then. */
export const session = z
  .object({
    token: z.string().optional().describe("Access token for 15 minutes. Absent in an idempotent replay."),
    refreshToken: z.string().optional().describe("Works once. Absent in an idempotent replay."),
    expiresAt: time.describe("When the access token ends."),
  })
  .meta({ id: "Session" });

export const signupResult = z.object({ tenant, user, ...session.shape }).meta({ id: "SignupResult" });

export const sessionRoutes = {
  "signup.create": defineRoute({
    method: "POST",
    path: "/v1/signup",
    operationId: "signup.create",
    summary: "Make a user and a tenant at a portal",
    tag: "Sessions",
    permission: "public",
    scope: "none",
    body: z
      .strictObject({
        portal: slug.default("global"),
        email,
        password: newPassword,
        country,
        tenant: z.strictObject({ name }),
      })
      .meta({
        examples: [
          { email: "ada@example.org", password: "a long pass phrase", country: "FR", tenant: { name: "Acme" } },
        ],
      }),
    successStatus: 201,
    responses: { 201: signupResult },
    errors: ["signup.closed", "signup.email_taken", "policy.denied", "resource.not_found"],
    isIdempotent: true,
  }),
  "sessions.create": defineRoute({
    method: "POST",
    path: "/v1/sessions",
    operationId: "sessions.create",
    summary: "Sign in",
    tag: "Sessions",
    permission: "public",
    scope: "none",
    body: z
      .strictObject({ portal: slug.default("global"), email, password, tenant: id("tenant").optional() })
      .meta({ examples: [{ email: "ada@example.org", password: "a long pass phrase" }] }),
    successStatus: 201,
    responses: { 201: session },
    errors: ["credential.invalid", "policy.denied"],
    isIdempotent: true,
  }),
  "sessions.refresh": defineRoute({
    method: "POST",
    path: "/v1/sessions/refresh",
    operationId: "sessions.refresh",
    summary: "Exchange a refresh token for a new pair; the old one ends",
    tag: "Sessions",
    permission: "public",
    scope: "none",
    body: z.strictObject({ refreshToken: z.string().min(1).max(200) }),
    successStatus: 201,
    responses: { 201: session },
    errors: ["session.invalid"],
    isIdempotent: true,
  }),
  "sessions.deleteCurrent": defineRoute({
    method: "DELETE",
    path: "/v1/sessions/current",
    operationId: "sessions.deleteCurrent",
    summary: "Sign out: the access token and the refresh token both end",
    tag: "Sessions",
    permission: "signedIn",
    scope: "tenant",
    successStatus: 204,
    responses: { 204: noContent },
    errors: ["session.invalid"],
    isIdempotent: false,
  }),
} as const;
