import { createLimiter } from "@portolan/access";
import { describe, expect, it } from "vitest";
import { password, startApi } from "./harness.ts";

const api = await startApi({
  limits: { signInPerEmail: { points: 3, seconds: 60 }, signUpPerEmail: { points: 5, seconds: 60 } },
});
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("signup", () => {
  it("stops guesses that name the Idempotency-Key of one that worked", async () => {
    const headers = { "idempotency-key": "known-to-somebody" };
    const body = { portal: "global", email: "guessed@example.org", password, country: "FR", tenant: { name: "Acme" } };
    await api.call("signup.create", { headers, body });
    const wrong = { headers, body: { ...body, password: "not the right one" } };
    for (let guess = 0; guess < 4; guess += 1) await api.fail("signup.create", "idempotency.mismatch", wrong);
    await api.fail("signup.create", "request.rate_limited", wrong);
  });

  const body = { portal: "global", email: "new@example.org", password, country: "FR", tenant: { name: "Acme" } };

  it("takes an address once per portal, whatever its case", async () => {
    await api.call("signup.create", { body });
    await api.fail("signup.create", "signup.email_taken", { body: { ...body, email: " New@Example.org" } });
    await api.call("signup.create", { body: { ...body, portal: "domestic", country: "CN" } });
  });

  it("is judged by the portal's policy, and the verdict is kept", async () => {
    const denied = await api.fail("signup.create", "policy.denied", {
      body: { ...body, email: "cn@example.org", country: "CN" },
    });
    expect(denied).toMatchObject({ rule: "global.domestic-users", status: 403 });
    const row = await api.deps.clients.system.decision.findUnique({ where: { id: String(denied.decisionId) } });
    expect(row).toMatchObject({ verdict: "deny", stage: "signup", attributes: { "user.country": "CN" } });
  });

  it("says in a sentence what is wrong with a short password", async () => {
    const document = await api.fail("signup.create", "request.invalid", { body: { ...body, password: "short" } });
    expect(document.detail).toBe("password: Use at least 10 characters.");
  });

  it.each(["short", "aaaaaaaaaaaaaaaa", "password1234", "weak@example.org"])(
    "refuses the password %s",
    async (weak) => {
      const document = await api.fail("signup.create", "request.invalid", {
        body: { ...body, email: "weak@example.org", password: weak },
      });
      expect(document.errors?.[0]?.path).toBe("password");
      expect(JSON.stringify(document)).not.toContain(`"${weak}"`);
    },
  );

  it("is refused where the portal is closed", async () => {
    await api.deps.clients.system.portal.update({ where: { slug: "domestic" }, data: { signupMode: "closed" } });
    const closed = { ...body, portal: "domestic", email: "late@example.org", country: "CN" };
    await api.fail("signup.create", "signup.closed", { body: closed });
    await api.fail("signup.create", "resource.not_found", { body: { ...closed, portal: "elsewhere" } });
  });
});

describe("sessions", () => {
  it("answer a wrong password and an unknown address alike, and stop guessing", async () => {
    const { email } = await api.signUp();
    const wrong = { body: { email, password: "not the right one" } };
    const first = await api.fail("sessions.create", "credential.invalid", wrong);
    const unknown = await api.fail("sessions.create", "credential.invalid", {
      body: { email: "nobody@example.org", password },
    });
    expect(unknown.detail).toBe(first.detail);
    await api.fail("sessions.create", "credential.invalid", wrong);
    await api.fail("sessions.create", "credential.invalid", wrong);
    const limited = await api.send("sessions.create", { body: { email, password } });
    expect(limited.statusCode).toBe(429);
    expect(limited.headers["retry-after"]).toMatch(/^\d+$/);
    expect(limited.headers["ratelimit-policy"]).toBe('"sign-in-email";q=3;w=60');
  });

  it("503 with Retry-After beyond what may wait for a derivation, and those that wait are served", async () => {
    const crowded = await startApi();
    const users = await Promise.all([1, 2, 3].map(() => crowded.signUp()));
    const limiter = createLimiter({ maxRunning: 1, maxWaiting: 1 });
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { verify } = crowded.deps.passwords;
    Object.assign(crowded.deps.passwords, {
      verify: (...given: Parameters<typeof verify>) => limiter.run(() => held.then(() => verify(...given))),
    });
    const attempts = users.map(({ email }) => crowded.send("sessions.create", { body: { email, password } }));
    const refused = await Promise.race(attempts);
    expect([refused.statusCode, refused.json().code]).toEqual([503, "unavailable"]);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    release();
    const statuses = (await Promise.all(attempts)).map(({ statusCode }) => statusCode);
    expect(statuses.sort()).toEqual([201, 201, 503]);
  });

  it("stop guesses that name the Idempotency-Key of a sign-in that worked", async () => {
    const { email } = await api.signUp();
    const headers = { "idempotency-key": "known-to-somebody" };
    const right = { headers, body: { email, password } };
    await api.call("sessions.create", right);
    const replayed = await api.send("sessions.create", right);
    expect(replayed.headers["idempotency-replayed"]).toBe("true");
    const wrong = { headers, body: { email, password: "not the right one" } };
    for (let guess = 0; guess < 3; guess += 1) await api.fail("sessions.create", "idempotency.mismatch", wrong);
    await api.fail("sessions.create", "request.rate_limited", wrong);
    await api.fail("sessions.create", "request.rate_limited", right);
  });

  it("rotate: a refresh token works once, and its reuse ends the session", async () => {
    const { token, refreshToken } = await api.signUp();
    const next = await api.call("sessions.refresh", { body: { refreshToken } });
    await api.call("me.get", { token: next.token });
    await api.fail("sessions.refresh", "session.invalid", { body: { refreshToken } });
    await wait(250);
    await api.fail("me.get", "credential.invalid", { token: next.token });
    await api.fail("me.get", "credential.invalid", { token });
    await api.fail("sessions.refresh", "session.invalid", { body: { refreshToken: next.refreshToken } });
  });

  it("end with both tokens at logout", async () => {
    const { token, refreshToken } = await api.signUp();
    await api.call("me.get", { token });
    await api.call("sessions.deleteCurrent", { token });
    await api.fail("me.get", "credential.invalid", { token });
    await api.fail("sessions.refresh", "session.invalid", { body: { refreshToken } });
  });

  it("are refused without, with a broken and with a foreign credential", async () => {
    const missing = await api.send("me.get");
    expect(missing.headers["www-authenticate"]).toContain("Bearer");
    await api.fail("me.get", "credential.missing");
    await api.fail("me.get", "credential.invalid", { token: "pts_nonsense" });
    const { token, refreshToken } = await api.signUp();
    await api.fail("me.get", "credential.invalid", { token: `${token.slice(0, -4)}AAAA` });
    const { id } = await api.call("apps.create", { token, body: { name: "shop" } });
    const key = await api.call("keys.create", { token, params: { app: id }, body: { name: "k", scopes: ["rpc"] } });
    for (const [secret, begins] of [
      [key.secret, "ptl_"],
      [refreshToken, "ptr_"],
    ] as const) {
      const document = await api.fail("me.get", "credential.invalid", { token: String(secret) });
      expect(document.hint).toContain(`What begins with ${begins} is`);
      expect(JSON.stringify(document)).not.toContain(String(secret).slice(4, 12));
    }
  });

  it("keep passwords only as a hash with its parameters, and refresh tokens as a digest", async () => {
    const { userId, refreshToken } = await api.signUp();
    const user = await api.deps.clients.system.user.findUniqueOrThrow({
      where: { id: userId },
      omit: { passwordHash: false },
    });
    expect(user.passwordHash).toMatch(/^\$scrypt\$ln=/);
    const sessions = await api.deps.clients.system.session.findMany({
      where: { userId },
      omit: { refreshHash: false },
    });
    expect(sessions[0]?.refreshHash).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify(sessions)).not.toContain(refreshToken);
  });
});

describe("service accounts", () => {
  it("act in their tenant with their role until rotated or revoked", async () => {
    const { token, tenantId } = await api.signUp();
    const made = await api.call("serviceAccounts.create", { token, body: { name: "ci", role: "developer" } });
    expect(await api.call("me.get", { token: made.secret })).toMatchObject({
      role: "developer",
      tenant: { id: tenantId },
    });
    await api.call("apps.create", { token: made.secret, body: { name: "from ci" } });
    await api.fail("serviceAccounts.list", "permission.denied", { token: made.secret });
    const params = { serviceAccount: made.id };
    const rotated = await api.call("serviceAccounts.rotate", { token, params, body: {} });
    await api.fail("me.get", "credential.invalid", { token: made.secret });
    await api.call("me.get", { token: rotated.secret });
    await api.call("serviceAccounts.revoke", { token, params });
    await api.fail("me.get", "credential.invalid", { token: rotated.secret });
    await api.fail("serviceAccounts.rotate", "resource.conflict", { token, params, body: {} });
    expect((await api.call("serviceAccounts.get", { token, params })).revokedAt).not.toBeNull();
  });

  it("can't be given more than their maker has, nor expire before they begin", async () => {
    const { token } = await api.signUp();
    await api.fail("serviceAccounts.create", "request.invalid", { token, body: { name: "x", role: "owner" } });
    const past = { name: "x", role: "viewer", expiresAt: "2020-01-01T00:00:00Z" };
    await api.fail("serviceAccounts.create", "request.invalid", { token, body: past });
  });

  it("and keys expire within ten years, in whatever zone the time is written", async () => {
    const { token } = await api.signUp();
    const { id: app } = await api.call("apps.create", { token, body: { name: "shop" } });
    const inYears = (years: number) => new Date(Date.now() + years * 365 * 86_400_000).toISOString();
    for (const expiresAt of ["9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59", inYears(11)]) {
      const account = await api.fail("serviceAccounts.create", "request.invalid", {
        token,
        body: { name: "x", role: "viewer", expiresAt },
      });
      expect(account.errors?.[0]?.path).toBe("expiresAt");
      const body = { name: "x", scopes: ["rpc"], expiresAt };
      const key = await api.fail("keys.create", "request.invalid", { token, params: { app }, body });
      expect(key.errors?.[0]?.path).toBe("expiresAt");
    }
    const body = { name: "x", role: "viewer", expiresAt: inYears(9) };
    expect((await api.call("serviceAccounts.create", { token, body })).expiresAt).toBe(body.expiresAt);
  });
});
