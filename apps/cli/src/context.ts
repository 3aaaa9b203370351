import { join } from "node:path";
import type { OperationResource } from "@portolan/contract";
import { createPortolan, type PortolanClient, type PortolanSettings } from "@portolan/sdk";
import { type CliConfig, defaultApiUrl } from "./config.ts";
import { findPlane } from "./doctor/plane.ts";
import { CliFailure, exitCodes } from "./failure.ts";
import { type Row, renderTable, type Screen, writeLine } from "./output.ts";
import type { PasswordInput } from "./password.ts";
import type { ProfileStore } from "./profile.ts";
import { assertSucceeded, createProgress } from "./progress.ts";
import { locateHome } from "./up/home.ts";

/** What the world gives to commands; a test passes its own. */
export interface CliDeps {
  screen: Screen;
  stdin: PasswordInput["stdin"];
  loadConfig: () => CliConfig;
  openProfile: (path: string) => ProfileStore;
  fetch?: PortolanSettings["fetch"];
  /** Top of the checkout, for `up` and `doctor`. */
  root: string;
}

/** What every command works with. */
export interface Context {
  config: CliConfig;
  profile: ProfileStore;
  screen: Screen;
  stdin: PasswordInput["stdin"];
  root: string;
  isJson: boolean;
  /** Without a credential: signup, login. */
  anonymous(): Promise<PortolanClient>;
  /** With PORTOLAN_TOKEN or the profile's session. @throws CliFailure 3 when there is neither. */
  client(): Promise<PortolanClient>;
  /** The value as it came with --json, else a table of it. */
  print(value: unknown, rows: readonly Row[], columns: readonly string[]): void;
  /** Follows the operation, prints it, and fails with 7 unless it succeeded. With `isDetached` it is only printed. */
  follow(operation: OperationResource, options: { isDetached: boolean; timeoutMs?: number }): Promise<void>;
}

const operationColumns = ["id", "kind", "target", "state", "progress", "createdAt"];

export const operationRow = (operation: OperationResource): Row => ({
  ...operation,
  target: operation.target.id,
  progress: `${Math.round(operation.progress * 100)} %`,
  steps: operation.steps.length,
  error: operation.error?.code,
});

export const createContext = (deps: CliDeps, isJson: boolean, apiOption: string | undefined): Context => {
  const config = deps.loadConfig();
  const profile = deps.openProfile(config.profileFile);
  const settings = (baseUrl: string): PortolanSettings =>
    deps.fetch === undefined ? { baseUrl } : { baseUrl, fetch: deps.fetch };
  const chosen = apiOption ?? config.apiUrl;

  /** The plane of this machine: by its port, else the one that runs in the home, else where one would. */
  const localUrl = async (): Promise<string> => {
    if (config.localUrl !== undefined) return config.localUrl;
    const home = await locateHome(config.home ?? join(deps.root, ".portolan"));
    return findPlane(home.at("up.lock"))?.api ?? defaultApiUrl;
  };

  const client = async (): Promise<PortolanClient> => {
    if (config.token !== undefined) {
      return createPortolan({ ...settings(chosen ?? (await localUrl())), token: config.token });
    }
    const found = await profile.load();
    // A session is sent only to the plane that gave it.
    if (found === undefined || (chosen !== undefined && new URL(chosen).origin !== new URL(found.apiUrl).origin)) {
      throw new CliFailure("You are not signed in.", {
        exitCode: exitCodes.notSignedIn,
        hint: "portolan login, or portolan signup; a machine sets PORTOLAN_TOKEN.",
      });
    }
    return createPortolan({
      ...settings(found.apiUrl),
      token: found.token,
      refreshToken: found.refreshToken,
      onSession: (pair) => profile.save({ ...found, ...pair }),
    });
  };

  const print: Context["print"] = (value, rows, columns) =>
    writeLine(deps.screen.out, isJson ? JSON.stringify(value) : renderTable(rows, columns));

  const follow: Context["follow"] = async (operation, { isDetached, timeoutMs }) => {
    const show = (shown: OperationResource) => print(shown, [operationRow(shown)], operationColumns);
    if (isDetached) return show(operation);
    const progress = createProgress(deps.screen.err);
    const api = await client();
    const ended = await api
      .waitForOperation(operation.id, {
        onProgress: progress.show,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      })
      .finally(progress.end);
    show(ended);
    assertSucceeded(ended);
  };

  return {
    config,
    profile,
    screen: deps.screen,
    stdin: deps.stdin,
    root: deps.root,
    isJson,
    anonymous: async () =>
      createPortolan(settings(chosen ?? config.localUrl ?? (await profile.load())?.apiUrl ?? (await localUrl()))),
    client,
    print,
    follow,
  };
};
