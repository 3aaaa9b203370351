import { expect, test } from "vitest";
import { isSecretName, redact, redactFields } from "./redact.ts";

const phrase = "test test test test test test test test test test test junk";
const pem = "-----BEGIN PRIVATE KEY-----\nCANARYMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----";

const leaks: readonly [string, string, string][] = [
  ["key in a path", "POST /chn_1/ptl_CANARY0123456789abcdef HTTP/1.1", "CANARY"],
  ["service account's key, bare", "refused pts_Ab3dCANARY0123456789abcdefghij", "CANARY"],
  ["refresh token, bare", "reused ptr_Ab3dCANARY0123456789abcdefghij.", "CANARY"],
  ["key in a header", "x-api-key: CANARY12345", "CANARY"],
  ["bearer header", "Authorization: Bearer CANARY.abc-def_123", "CANARY"],
  ["bearer without a header name", "sent Bearer CANARYabcdef123456", "CANARY"],
  ["basic header in JSON", JSON.stringify({ authorization: "Basic CANARYdXNlcjpwYXNz" }), "CANARY"],
  ["password in JSON", JSON.stringify({ password: 'CANARY "quoted" \\ tail-CANARY' }), "CANARY"],
  ["password in doubly quoted JSON", JSON.stringify({ body: JSON.stringify({ password: "CANARY" }) }), "CANARY"],
  ["password in text", "login failed, password=CANARY for bob", "CANARY"],
  ["refresh token", JSON.stringify({ refreshToken: "CANARY" }), "CANARY"],
  ["client secret in a query", "POST /token?client_secret=CANARY&x=1", "CANARY"],
  ["database URL", "cannot reach postgres://app:CANARY@10.0.0.1:5432/db", "CANARY"],
  ["redis URL without a user", "redis://:CANARY@localhost:6379", "CANARY"],
  ["web token", "got eyJhbGciOiJIUzI1NiJ9.eyJDQU5BUlkiOjF9.CANARYsig", "CANARY"],
  ["PEM", `boom ${pem} after`, "CANARY"],
  ["PEM inside JSON", JSON.stringify({ text: pem }), "CANARY"],
  ["PEM cut off", pem.slice(0, 45), "CANARY"],
  ["mnemonic in a field", JSON.stringify({ mnemonic: phrase }), "junk"],
  ["mnemonic in prose", `accounts from ${phrase}, ok`, "junk"],
];

test.each(leaks)("removes: %s", (_name, text, canary) => {
  expect(text).toContain(canary);
  expect(redact(text)).not.toContain(canary);
});

test.each(leaks)("is idempotent: %s", (_name, text) => {
  expect(redact(redact(text))).toBe(redact(text));
});

test("keeps JSON parseable and ordinary text whole", () => {
  const line = JSON.stringify({ msg: "ok", password: 'a"b', url: "http://127.0.0.1:4100/v1/chains", n: 1 });
  expect(JSON.parse(redact(line))).toEqual({
    msg: "ok",
    password: "[redacted]",
    url: "http://127.0.0.1:4100/v1/chains",
    n: 1,
  });
  const plain = "chain chn_01 is running on http://127.0.0.1:4200, block 0x1f, user bob@example.com, 12 tokens left";
  expect(redact(plain)).toBe(plain);
});

test("is linear enough for long hostile lines", () => {
  const started = performance.now();
  for (const piece of ["abc ", "eyJaaaaaaaaa.", "a://b:", '"password":"\\', "-----BEGIN PRIVATE KEY-----"])
    redact(piece.repeat(20_000));
  expect(performance.now() - started).toBeLessThan(30_000);
});

test("fields: secret names and raw bytes go, the rest stays", () => {
  const err = new Error("x");
  expect(
    redactFields({
      a: 1,
      privateKey: { d: "CANARY" },
      list: [{ token: 7 }],
      bytes: Buffer.from("CANARY"),
      err,
      hasSecret: true,
    }),
  ).toEqual({
    a: 1,
    privateKey: "[redacted]",
    list: [{ token: "[redacted]" }],
    bytes: "[6 bytes]",
    err,
    hasSecret: true,
  });
});

test("names of secret variables", () => {
  expect(["SESSION_SECRET", "DATABASE_URL", "REDIS_URL", "PORTOLAN_KEK", "ADMIN_PASSWORD"].every(isSecretName)).toBe(
    true,
  );
  expect(["PORTOLAN_API_PORT", "PORTOLAN_HOME", "LOG_LEVEL"].some(isSecretName)).toBe(false);
});
