import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createIdSource, formatServiceAccountKey } from "@portolan/domain";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAuthenticator, type SessionRecord } from "./authenticator.ts";
import { hashCredential } from "./credential-hash.ts";
import { createPasswordHasher } from "./password-hasher.ts";
import { createSessionTokens } from "./session-tokens.ts";
import { loadSigningKey } from "./signing-key.ts";

let now = new Date("2026-11-23T10:00:00Z");
const clock = { now: () => now };
const ids = createIdSource({ clock, random: { bytes: (size) => crypto.getRandomValues(new Uint8Array(size)) } });
const claims = { userId: ids.next("user"), tenantId: ids.next("tenant"), sessionId: ids.next("session") };
const signingKey = new Uint8Array(32).fill(7);
const tokens = createSessionTokens({ signingKey, clock });
const later = (ms: number) => {
  now = new Date(now.getTime() + ms);
};

describe("passwords", () => {
  const hasher = createPasswordHasher({ cost: { logN: 10, r: 8, p: 1 }, maxRunning: 1, maxWaiting: 2 });

  it("verifies what it hashed, with another salt each time", async () => {
    const stored = await hasher.hash("correct horse");
    expect(stored).toMatch(/^\$scrypt\$ln=10,r=8,p=1\$/);
    expect(stored).not.toBe(await hasher.hash("correct horse"));
    expect(await hasher.verify("correct horse", stored)).toBe(true);
    expect(await hasher.verify("correct horsf", stored)).toBe(false);
  });

  it("takes the same password typed as composed or decomposed characters", async () => {
    expect(await hasher.verify("cafe\u0301 au lait", await hasher.hash("café au lait"))).toBe(true);
  });

  it("verifies hashes made at another cost", async () => {
    const other = createPasswordHasher({ cost: { logN: 11, r: 4, p: 2 } });
    expect(await hasher.verify("one for all", await other.hash("one for all"))).toBe(true);
  });

  it("answers false for nobody and for a damaged hash", async () => {
    expect(await hasher.verify("x", null)).toBe(false);
    expect(await hasher.verify("x", "$scrypt$ln=10$damaged")).toBe(false);
  });

  it("lets few wait and refuses the rest", async () => {
    const all = await Promise.allSettled(Array.from({ length: 6 }, () => hasher.hash("many at once")));
    const refused = all.filter((one) => one.status === "rejected").map((one) => one.reason.code);
    expect(refused).toEqual(["unavailable", "unavailable", "unavailable"]);
  });
});

describe("access tokens", () => {
  it("carry a session for 15 minutes", async () => {
    const { token, expiresAt } = await tokens.sign(claims);
    expect(expiresAt.getTime() - now.getTime()).toBe(900_000);
    expect(await tokens.verify(token)).toEqual(claims);
    later(901_000);
    expect(await tokens.verify(token)).toBe("expired");
  });

  it.each([
    ["another key", createSessionTokens({ signingKey: new Uint8Array(32), clock })],
    ["another issuer", createSessionTokens({ signingKey, clock, issuer: "other" })],
    ["another audience", createSessionTokens({ signingKey, clock, audience: "other" })],
  ])("of %s are refused", async (_name, other) => {
    expect(await tokens.verify((await other.sign(claims)).token)).toBe("invalid");
  });

  it("of another type, another algorithm or none are refused", async () => {
    const body = { ten: claims.tenantId, sid: claims.sessionId };
    const draft = (alg: string, typ: string) =>
      new SignJWT(body)
        .setProtectedHeader({ alg, typ })
        .setSubject(claims.userId)
        .setIssuer("portolan")
        .setAudience("portolan-api")
        .setIssuedAt(Math.floor(now.getTime() / 1000))
        .setExpirationTime("10m");
    expect(await tokens.verify(await draft("HS256", "JWT").sign(signingKey))).toBe("invalid");
    expect(await tokens.verify(await draft("HS512", "portolan-session+jwt").sign(new Uint8Array(64).fill(7)))).toBe(
      "invalid",
    );
    const [, payload] = (await tokens.sign(claims)).token.split(".");
    const header = Buffer.from('{"alg":"none","typ":"portolan-session+jwt"}').toString("base64url");
    expect(await tokens.verify(`${header}.${payload}.`)).toBe("invalid");
  });
});

describe("the authenticator", () => {
  const record: SessionRecord = {
    ...claims,
    portalId: ids.next("portal"),
    role: "owner",
    expiresAt: new Date("2027-01-01T00:00:00Z"),
  };

  const setUp = (session: SessionRecord | null) => {
    const asked = { count: 0, session };
    const authenticator = createAuthenticator({
      tokens,
      clock,
      cacheMs: 2_000,
      lookups: {
        session: async () => {
          asked.count += 1;
          return asked.session;
        },
        serviceAccount: async (hash) =>
          hash === hashCredential(formatServiceAccountKey(new Uint8Array(32).fill(3)))
            ? { id: "svc_1", tenantId: claims.tenantId, portalId: "prt_1", role: "developer", expiresAt: null }
            : null,
      },
    });
    return { authenticator, asked };
  };
  const bearer = async () => `Bearer ${(await tokens.sign(claims)).token}`;

  it("asks once for many requests, and again when its time is over", async () => {
    const { authenticator, asked } = setUp(record);
    const header = await bearer();
    const all = await Promise.all(Array.from({ length: 20 }, () => authenticator.authenticate(header)));
    expect(all[0]).toMatchObject({ kind: "user", id: claims.userId, role: "owner", sessionId: claims.sessionId });
    expect(asked.count).toBe(1);
    later(2_001);
    await authenticator.authenticate(header);
    expect(asked.count).toBe(2);
  });

  it("refuses an ended session at once when told", async () => {
    const { authenticator, asked } = setUp(record);
    const header = await bearer();
    await authenticator.authenticate(header);
    asked.session = null;
    authenticator.forget(claims.sessionId);
    await expect(authenticator.authenticate(header)).rejects.toMatchObject({ code: "credential.invalid" });
  });

  it("refuses a token whose session belongs to somebody else", async () => {
    const { authenticator } = setUp({ ...record, tenantId: ids.next("tenant") });
    await expect(authenticator.authenticate(await bearer())).rejects.toMatchObject({ code: "credential.invalid" });
  });

  it("knows service accounts by their key, and typing errors without asking", async () => {
    const { authenticator } = setUp(null);
    const key = formatServiceAccountKey(new Uint8Array(32).fill(3));
    expect(await authenticator.authenticate(`Bearer ${key}`)).toMatchObject({
      kind: "serviceAccount",
      role: "developer",
    });
    await expect(authenticator.authenticate(`Bearer ${key.slice(0, -1)}_`)).rejects.toMatchObject({
      code: "credential.invalid",
    });
  });

  it.each([
    [undefined, "credential.missing"],
    ["", "credential.missing"],
    ["Basic abc", "credential.invalid"],
    ["Bearer", "credential.invalid"],
    [`Bearer ${"a".repeat(4000)}`, "credential.invalid"],
    ["Bearer a.b.c", "credential.invalid"],
  ])("answers %j with %s", async (header, code) => {
    await expect(setUp(record).authenticator.authenticate(header)).rejects.toMatchObject({ code });
  });
});

describe("the signing key", () => {
  let directory = "";
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "portolan-access-"));
  });
  afterAll(() => rm(directory, { recursive: true }));

  it("is made once, for its owner only, whoever starts first", async () => {
    const path = join(directory, "home", "session.key");
    const keys = await Promise.all(Array.from({ length: 5 }, () => loadSigningKey(path)));
    expect(new Set(keys.map((key) => Buffer.from(key).toString("hex"))).size).toBe(1);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("says so when the file is damaged", async () => {
    const path = join(directory, "damaged.key");
    await writeFile(path, "short");
    await expect(loadSigningKey(path)).rejects.toMatchObject({ code: "internal" });
  });
});
