import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type OperatorConfig, parseForks, toOperatorConfig } from "@portolan/frameworks";
import { createGuardedForwarder, createPermits, isPublicEndpoint, type Logger, replaceFile } from "@portolan/kit";

/** The port of the last start: it is part of what nodes run with, so a new one would start them all anew. */
const loadPort = async (file: string): Promise<number> => {
  const text = await readFile(file, "utf8").catch(() => "");
  const port = Number.parseInt(text, 10);
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : 0;
};

/** The key of permits, made once: another one would start the nodes that have permits anew. */
const loadKey = async (file: string): Promise<Buffer> => {
  const text = await readFile(file, "utf8").catch(() => "");
  if (/^[0-9a-f]{64}$/.test(text)) return Buffer.from(text, "hex");
  const key = randomBytes(32);
  await replaceFile(file, key.toString("hex"));
  return key;
};

/** Opens the guarded way out: for forks of networks that the operator lists, and for chaincode at tenants' addresses. */
export const startForwarder = async (
  config: { PORTOLAN_FORKS: string; PORTOLAN_HOME: string; PORTOLAN_CHAINCODE_PRIVATE: "true" | "false" },
  log: Logger,
): Promise<{ operator: OperatorConfig; close(): Promise<void> }> => {
  const networks = parseForks(config.PORTOLAN_FORKS);
  const file = join(config.PORTOLAN_HOME, "forwarder-port");
  const permits = createPermits(await loadKey(join(config.PORTOLAN_HOME, "forwarder-key")));
  const allowPrivate = config.PORTOLAN_CHAINCODE_PRIVATE === "true";
  const settings = {
    log,
    networks: networks.map(({ name, url, allowPrivate: isOwn }) => ({
      name,
      url,
      ...(isOwn === undefined ? {} : { allowPrivate: isOwn }),
    })),
    tunnels: { permits, allowPrivate },
  };
  const port = await loadPort(file);
  const forwarder = await createGuardedForwarder({ ...settings, port }).catch((error: unknown) => {
    if (port === 0) throw error;
    log.warn({ port }, "the forwarder's port is taken; nodes that use it are started anew with another one");
    return createGuardedForwarder({ ...settings, port: 0 });
  });
  await replaceFile(file, new URL(forwarder.url).port);
  const externalChaincode = { mayDial: allowPrivate ? () => true : isPublicEndpoint, permit: permits.issue };
  return {
    operator: { ...toOperatorConfig(networks, forwarder.url), externalChaincode },
    close: () => forwarder.close(),
  };
};
