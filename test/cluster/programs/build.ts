/**
 * Makes what is missing of the test cluster's programs, once per content of the module files, into
 * `~/.portolan/cluster/<hash>/bin`. Needs Go (1.25 or newer) and a Go module proxy. `--check` only says whether it could.
 */
import { execFileSync, spawn } from "node:child_process";
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { builtProgramsDirectory } from "@portolan/testing/cluster";

const version = "v1.35.4";
const oldestGo = [1, 25] as const;
const sources = import.meta.dirname;
const bin = builtProgramsDirectory();

const kubernetesPrograms = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kube-proxy",
  "kubelet",
  "kubectl",
];
const installs: Record<string, string> = JSON.parse(readFileSync(join(sources, "installs.json"), "utf8"));

/** Go's path, the first that is new enough: on the PATH, or where its own installer puts it. */
const findGo = (): string | undefined => {
  const places = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/local/go/bin"];
  return places.map((place) => join(place, "go")).find((go) => isExecutable(go) && isNewEnough(go));
};

const isNewEnough = (go: string): boolean => {
  const environment = { ...process.env, GOTOOLCHAIN: "local" };
  const said = execFileSync(go, ["version"], { encoding: "utf8", env: environment });
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(said) ?? [];
  return Number(major) > oldestGo[0] || (Number(major) === oldestGo[0] && Number(minor) >= oldestGo[1]);
};

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const isMissing = (name: string): boolean => !isExecutable(join(bin, name));

/** The version that the programs say of themselves; a module build knows none. */
const linkerFlags = (): string => {
  const facts = {
    gitVersion: version,
    gitMajor: "1",
    gitMinor: version.split(".")[1] ?? "",
    gitCommit: "modules",
    gitTreeState: "clean",
    buildDate: "1970-01-01T00:00:00Z",
  };
  const owners = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"];
  const set = owners.flatMap((owner) => Object.entries(facts).map(([name, value]) => `-X ${owner}.${name}=${value}`));
  return ["-s", "-w", ...set].join(" ");
};

const run = async (go: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<void> => {
  const child = spawn("nice", ["-n", "10", go, ...args], {
    cwd: sources,
    // Downloads are thousands of lines: they are shown only where the build fails.
    stdio: ["ignore", "inherit", "pipe"],
    env: { ...process.env, CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOFLAGS: "-buildvcs=false", ...environment },
  });
  const said: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => said.push(chunk));
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  if (code !== 0) throw new Error(`go ${args.join(" ")} failed:\n${said.join("").slice(-4_000)}`);
};

/** One step: its programs are made in a directory beside and moved in when they are whole. */
const make = async (what: string, build: (into: string) => Promise<void>, moves: Record<string, string>) => {
  const startedAt = performance.now();
  console.log(`building ${what}`);
  const into = mkdtempSync(join(bin, "building-"));
  try {
    await build(into);
    for (const [made, name] of Object.entries(moves)) renameSync(join(into, made), join(bin, name));
  } finally {
    rmSync(into, { recursive: true, force: true });
  }
  console.log(`  ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
};

const buildAll = async (go: string): Promise<void> => {
  const base = ["build", "-trimpath"];
  if (isMissing("pause")) {
    const args = [...base, "-ldflags", "-s -w", "-o"];
    await make("pause", (into) => run(go, [...args, join(into, "pause"), "./pause"]), { pause: "pause" });
  }
  const wanted = kubernetesPrograms.filter(isMissing);
  if (wanted.length > 0 || isMissing("etcd")) {
    const packages = [...wanted.map((name) => `k8s.io/kubernetes/cmd/${name}`), "go.etcd.io/etcd/server/v3"];
    const moves = { ...Object.fromEntries(wanted.map((name) => [name, name])), server: "etcd" };
    const args = [...base, "-ldflags", linkerFlags(), "-o"];
    await make(`etcd, ${wanted.join(", ")} ${version}`, (into) => run(go, [...args, `${into}/`, ...packages]), moves);
  }
  for (const [name, install] of Object.entries(installs).filter(([each]) => isMissing(each))) {
    const args = ["install", "-trimpath", "-ldflags", "-s -w", install];
    await make(install, (into) => run(go, args, { GOBIN: into }), { [name]: name });
  }
};

/** Two runs never build at once; a lock whose owner is gone is nobody's. */
const underLock = async (work: () => Promise<void>): Promise<void> => {
  const lock = join(bin, "..", "building.pid");
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      break;
    } catch {
      if (!isRunning(Number(readFileSync(lock, { encoding: "utf8", flag: "a+" })))) rmSync(lock, { force: true });
      else await sleep(500);
    }
  }
  try {
    await work();
  } finally {
    rmSync(lock, { force: true });
  }
};

const isRunning = (pid: number): boolean => {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
};

const go = findGo();
if (go === undefined) {
  console.log(`Go ${oldestGo.join(".")} or newer was not found (on the PATH, in /usr/local/go/bin): https://go.dev/dl`);
  process.exitCode = 1;
} else if (!process.argv.includes("--check")) {
  mkdirSync(bin, { recursive: true });
  await underLock(() => buildAll(go));
  console.log(`the test cluster's programs are in ${bin}`);
}
