import { z } from "zod";
import { DomainError } from "../error.ts";
import { isRegistryHost } from "./image-reference.ts";

/** How many registries an app may have credentials for. */
export const maxRegistriesPerApp = 20;

/** Host and port as the images' names have them. */
export const registryHostSchema = z
  .string()
  .max(255)
  .refine(isRegistryHost, "must be a registry's host as images' names have it (ghcr.io, registry.example:5000)");

/** A name as HTTP's Basic scheme takes it (RFC 7617): no colon, no control character. */
export const registryUsernameSchema = z
  .string()
  .min(1)
  .max(256)
  .refine((text) => !/[:\p{Cc}]/u.test(text), "must have no colon and no control character");

/** A password, a token, or the whole file of a service account's key (some 2,400 characters). */
export const registryPasswordSchema = z
  .string()
  .min(1)
  .max(8_192)
  .refine((text) => !/\p{Cc}/u.test(text.replace(/[\t\r\n]/g, "")), "must have no control character but ends of lines");

const loginSchema = z.object({ username: z.string(), password: z.string() });

/** Who a registry is told that it is. */
export type RegistryLogin = z.output<typeof loginSchema>;

/** As it is sealed. */
export const encodeRegistryLogin = ({ username, password }: RegistryLogin): Uint8Array =>
  Buffer.from(JSON.stringify({ username, password }), "utf8");

/** @throws DomainError when it is not what `encodeRegistryLogin` made; its words say nothing of what it is. */
export const decodeRegistryLogin = (bytes: Uint8Array): RegistryLogin => {
  try {
    const read = loginSchema.safeParse(JSON.parse(Buffer.from(bytes).toString("utf8")));
    if (read.success) return read.data;
  } catch {
    // A parser's words would quote it.
  }
  throw new DomainError({ code: "material.failed", message: "A registry's credentials are not of their form." });
};
