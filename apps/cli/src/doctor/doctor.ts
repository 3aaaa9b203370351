import { parseEnv } from "@portolan/kit";
import { z } from "zod";
import { CliFailure } from "../failure.ts";
import { type Screen, writeLine } from "../output.ts";
import { type Home, locateHome } from "../up/home.ts";
import { readUpSettings, type UpSettings } from "../up/settings.ts";
import type { Finding } from "./finding.ts";
import { note, ok, writeFindings } from "./finding.ts";
import { checkAnvil, checkDataDirectory, checkDisk, checkHome, checkKey, checkNode, checkRedis } from "./machine.ts";
import { checkClock, checkPort, checkReachable, findPlane } from "./plane.ts";
import { checkPrograms } from "./programs.ts";

const checkPlane = async (settings: UpSettings, home: Home): Promise<Finding[]> => {
  const plane = findPlane(home.at("up.lock"));
  if (plane?.api === undefined || plane.gateway === undefined) {
    return [
      note("plane", plane === undefined ? "not running here" : `starting (pid ${plane.pid})`, "npm start"),
      checkPort("API", settings.apiPort, "PORTOLAN_API_PORT"),
      checkPort("gateway", settings.gatewayPort, "PORTOLAN_GATEWAY_PORT"),
      checkPort("gateway's gRPC listener", settings.grpcPort, "PORTOLAN_GRPC_PORT"),
    ];
  }
  return [
    ok("plane", `runs (pid ${plane.pid})`),
    await checkReachable("API", `${plane.api}/readyz`, home.at("logs", "api.log")),
    await checkReachable("gateway", `${plane.gateway}/readyz`, home.at("logs", "gateway.log")),
    await checkClock(`${plane.api}/readyz`, Date.now),
  ];
};

/** Changes nothing. @throws CliFailure (exit code 1) when something is wrong. */
export const doctor = async (options: { root: string; isJson: boolean; screen: Screen }): Promise<void> => {
  const { screen, isJson } = options;
  const settings = readUpSettings(options.root);
  const { PATH = "" } = parseEnv(z.object({ PATH: z.string().optional() }));
  const home = await locateHome(settings.wishedHome);
  const findings = [
    checkNode(process.versions.node),
    await checkHome(home),
    await checkDisk(home.path),
    ...(settings.database === undefined ? [await checkDataDirectory(home)] : []),
    await checkKey(home),
    await checkAnvil(),
    await checkRedis(PATH, settings.redisUrl),
    ...(await checkPrograms(settings.programs)),
    ...(await checkPlane(settings, home)),
  ];
  if (isJson) writeLine(screen.out, JSON.stringify({ findings }));
  else writeFindings(screen, findings);
  const count = findings.filter((finding) => finding.state === "wrong").length;
  if (count > 0) throw new CliFailure(count === 1 ? "One thing is wrong." : `${count} things are wrong.`);
};
