import { readFileSync } from "node:fs";

const names = ["client-hello.ts", "main.ts", "relay.ts", "routes.ts"] as const;

/** The entry's program as it goes into the cluster: the sources beside this file, which Node runs as they are. */
export const readProgramFiles = (): { readonly [name: string]: string } =>
  Object.fromEntries(names.map((name) => [name, readFileSync(new URL(`./program/${name}`, import.meta.url), "utf8")]));
