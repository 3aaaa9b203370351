import { expect, test } from "vitest";
import {
  decodeRegistryLogin,
  encodeRegistryLogin,
  registryHostSchema,
  registryPasswordSchema,
  registryUsernameSchema,
} from "./registry-login.ts";

test("a login comes back as it was, and what is none is not quoted", () => {
  const login = { username: "bob", password: "pässwort\n" };
  expect(decodeRegistryLogin(encodeRegistryLogin({ ...login, more: "x" } as typeof login))).toEqual(login);
  for (const text of ["hunter2", '{"username":"hunter2"}', "null"]) {
    const read = () => decodeRegistryLogin(Buffer.from(text));
    expect(read).toThrow("not of their form");
    expect(read).not.toThrow("hunter2");
  }
});

test.each(["", "a:b", "a\nb", "x".repeat(257)])("no username: %j", (text) => {
  expect(registryUsernameSchema.safeParse(text).success).toBe(false);
});

test.each(["", "a\u0000b", "a\u001bb", "x".repeat(8_193)])("no password: %j", (text) => {
  expect(registryPasswordSchema.safeParse(text).success).toBe(false);
});

test("a key's whole file is a password", () => {
  expect(registryPasswordSchema.safeParse('{\r\n\t"private_key": "-----BEGIN"\n}\n').success).toBe(true);
  expect(registryUsernameSchema.safeParse("_json_key").success).toBe(true);
});

test.each(["ghcr.io", "registry.example:5000", "10.0.0.1:5000"])("a host: %s", (text) => {
  expect(registryHostSchema.safeParse(text).success).toBe(true);
});
test.each(["ghcr", "https://ghcr.io", "ghcr.io/acme", "GHCR.io", ""])("no host: %j", (text) => {
  expect(registryHostSchema.safeParse(text).success).toBe(false);
});
