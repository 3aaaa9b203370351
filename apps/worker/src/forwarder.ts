import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type OperatorConfig, parseForks, toOperatorConfig } from "@portolan/frameworks";
import { createGuardedForwarder, type Logger, replaceFile } from "@portolan/kit";

/** The port of the last start: it is part of what forked nodes run with, so a new one would start them all anew. */
const loadPort = async (file: string): Promise<number> => {
  const text = await readFile(file, "utf8").catch(() => "");
  const port = Number.parseInt(text, 10);
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : 0;
};

/** Opens the guarded way out for forks, if the operator lists any network. */
export const startForwarder = async (
  config: { PORTOLAN_FORKS: string; PORTOLAN_HOME: string },
  log: Logger,
): Promise<{ operator: OperatorConfig; close(): Promise<void> }> => {
  const networks = parseForks(config.PORTOLAN_FORKS);
  if (networks.length === 0) return { operator: toOperatorConfig(networks), close: async () => undefined };
  const file = join(config.PORTOLAN_HOME, "forwarder-port");
  const settings = {
    log,
    networks: networks.map(({ name, url, allowPrivate }) => ({
      name,
      url,
      ...(allowPrivate === undefined ? {} : { allowPrivate }),
    })),
  };
  const port = await loadPort(file);
  const forwarder = await createGuardedForwarder({ ...settings, port }).catch((error: unknown) => {
    if (port === 0) throw error;
    log.warn({ port }, "the forwarder's port is taken; forked nodes are started anew with another one");
    return createGuardedForwarder({ ...settings, port: 0 });
  });
  await replaceFile(file, new URL(forwarder.url).port);
  return { operator: toOperatorConfig(networks, forwarder.url), close: () => forwarder.close() };
};
