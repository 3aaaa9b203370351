/** What may import what. Pure: it judges the files it is given, so that each rule is tested without a repository. */

export interface Workspace {
  /** Path from the repository's root, with slashes: `packages/store`. */
  readonly dir: string;
  readonly name: string;
  /** What it offers beside its name: `conformance` for `@portolan/x/conformance`. */
  readonly subpaths: ReadonlySet<string>;
  readonly dependencies: ReadonlySet<string>;
  readonly devDependencies: ReadonlySet<string>;
}

export interface SourceFile {
  /** Path from the repository's root, with slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Import {
  readonly specifier: string;
  readonly isTypeOnly: boolean;
}

const levels: Readonly<Record<string, number>> = {
  domain: 1,
  frameworks: 2,
  contract: 3,
  kit: 3,
  sdk: 4,
  runtimes: 4,
  store: 4,
  jobs: 4,
  access: 4,
  metering: 4,
  custody: 4,
  testing: 5,
};
/** Projects to start one's own chaincode from: they import nothing of Portolan's. */
const chaincodeLevel = 0;
const appLevel = 6;
const wholeSystemLevel = 7;

/** Packages that have one home, so that replacing one is a change in one place. */
const homes: readonly { readonly matches: RegExp; readonly homes: readonly string[] }[] = [
  { matches: /^(@prisma\/|prisma$|prisma\/)/, homes: ["packages/store/"] },
  // BullMQ's Postgres backend takes a connection of `pg`.
  { matches: /^pg(-|$)/, homes: ["packages/store/", "packages/jobs/"] },
  { matches: /^(bullmq|ioredis)$/, homes: ["packages/jobs/"] },
  { matches: /^@kubernetes\//, homes: ["packages/runtimes/src/kubernetes/"] },
  { matches: /^(@?fastify)/, homes: ["apps/api/"] },
];

const inputOutputModules = new Set(
  (
    "child_process cluster dgram diagnostics_channel dns dns/promises fs fs/promises http http2 https inspector net os " +
    "perf_hooks process readline readline/promises repl sqlite stream stream/promises timers timers/promises tls " +
    "trace_events tty v8 vm wasi worker_threads"
  )
    .split(" ")
    .map((name) => `node:${name}`),
);

/** Where time and chance enter the pure packages; everything else takes them as arguments. */
const sourcesOfTimeAndChance = new Set(["packages/domain/src/clock.ts", "packages/domain/src/random.ts"]);
const impureCalls = /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(|\brandom(?:Bytes|UUID|Int)\(/;

/** Tests, and what only tests import: the testing package, and the suites that a package offers to adapters' tests. */
export function isTestFile(path: string): boolean {
  return /\.test\.ts$|(^|\/)test\/|^bench\/|^packages\/testing\/|\/src\/conformance\//.test(path);
}

/** Imports, re-exports and dynamic imports with a literal. Comments are left out. */
export function importsOf(text: string): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const found: Import[] = [];
  for (const match of code.matchAll(/^\s*(?:import|export)\b([^;'"`=]*?)\bfrom\s*["']([^"']+)["']/gm)) {
    found.push({ specifier: match[2] ?? "", isTypeOnly: /^\s+type\b/.test(match[1] ?? "") });
  }
  for (const match of code.matchAll(/^\s*import\s*["']([^"']+)["']/gm)) {
    found.push({ specifier: match[1] ?? "", isTypeOnly: false });
  }
  for (const match of code.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)(\.\w)?/g)) {
    found.push({ specifier: match[1] ?? "", isTypeOnly: false });
  }
  return found;
}

/** Every violation, one sentence each, in the order of the files. */
export function judgeImports(
  workspaces: readonly Workspace[],
  files: readonly SourceFile[],
  rootDependencies: ReadonlySet<string>,
): string[] {
  const byName = new Map(workspaces.map((workspace) => [workspace.name, workspace]));
  const violations: string[] = [];
  for (const file of files) {
    const own = workspaces.find((workspace) => file.path.startsWith(`${workspace.dir}/`));
    if (!own) continue;
    for (const each of importsOf(file.text)) {
      const { specifier } = each;
      const complaint =
        specifier.startsWith("node:") || isBuiltinWithoutPrefix(specifier)
          ? judgeBuiltin(file.path, specifier)
          : specifier.startsWith(".")
            ? judgeRelative(own, file.path, specifier)
            : judgePackage(own, file.path, specifier, byName, rootDependencies);
      if (complaint) violations.push(`${file.path}: ${complaint}`);
    }
    violations.push(...judgeText(file));
  }
  return [...violations, ...importCycles(workspaces, files)];
}

const isBuiltinWithoutPrefix = (specifier: string): boolean => inputOutputModules.has(`node:${specifier}`);

function isPure(path: string): boolean {
  if (isTestFile(path)) return false;
  return /^packages\/(domain|contract)\/src\//.test(path) || /\/(blueprint|render|topology|rollout)\.ts$/.test(path);
}

function judgeBuiltin(path: string, specifier: string): string | undefined {
  if (!isPure(path) || !inputOutputModules.has(specifier)) return undefined;
  return `is pure and may not import ${specifier}; take what it needs as an argument`;
}

function judgeRelative(own: Workspace, path: string, specifier: string): string | undefined {
  const target = resolveRelative(path, specifier);
  if (target.startsWith(`${own.dir}/`)) return undefined;
  return `imports ${specifier}, a file of another workspace; import it by its package's name`;
}

function judgePackage(
  own: Workspace,
  path: string,
  specifier: string,
  byName: ReadonlyMap<string, Workspace>,
  rootDependencies: ReadonlySet<string>,
): string | undefined {
  const name = specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
  const target = byName.get(name);
  if (target) {
    const complaint = judgeDirection(own, path, target);
    if (complaint) return complaint;
    if (specifier !== name && !target.subpaths.has(specifier.slice(name.length + 1))) {
      return `imports ${specifier}, which ${name} does not export`;
    }
  } else if (!isTestFile(path)) {
    const home = homes.find((each) => each.matches.test(specifier));
    if (home && !home.homes.some((prefix) => path.startsWith(prefix))) {
      return `imports ${specifier}, which only ${home.homes.join(" and ")} may`;
    }
  }
  if (own.dependencies.has(name)) return undefined;
  // The testing package depends on all that is tested with it: declaring it there would be a cycle of packages.
  const isDeclaredForTests = own.devDependencies.has(name) || rootDependencies.has(name) || target !== undefined;
  if (isTestFile(path) ? isDeclaredForTests : isBuildFile(own, path) && rootDependencies.has(name)) return undefined;
  return `imports ${name}, which ${own.dir}/package.json does not declare`;
}

const isBuildFile = (own: Workspace, path: string): boolean =>
  path.startsWith(`${own.dir}/scripts/`) || path.endsWith(".config.ts");

function judgeDirection(own: Workspace, path: string, target: Workspace): string | undefined {
  if (target === own) return "imports its own package by name; use a relative path";
  if (levelOf(own) === wholeSystemLevel) return undefined;
  if (levelOf(target) >= appLevel) return `imports ${target.name}; nobody imports an app`;
  if (isTestFile(path)) return undefined;
  if (target.name === "@portolan/testing") return "imports @portolan/testing, which only tests may";
  if (levelOf(target) < levelOf(own)) return undefined;
  return `imports ${target.name} (level ${levelOf(target)}) from level ${levelOf(own)}; imports point downward only`;
}

function levelOf(workspace: Workspace): number {
  if (workspace.dir.startsWith("apps/")) return appLevel;
  if (workspace.dir.startsWith("chaincode/")) return chaincodeLevel;
  const short = workspace.dir.split("/")[1];
  if (short === undefined) return wholeSystemLevel;
  const level = levels[short];
  if (level === undefined) throw new Error(`scripts/import-rules.ts: give ${workspace.dir} a level`);
  return level;
}

function judgeText(file: SourceFile): string[] {
  if (isTestFile(file.path)) return [];
  const complaints: string[] = [];
  const lines = file.text.split("\n");
  for (const [index, line] of lines.entries()) {
    const at = `${file.path}:${index + 1}`;
    if (/^\s*(\/\/|\*|\/\*)/.test(line)) continue;
    if (isPure(file.path) && !sourcesOfTimeAndChance.has(file.path) && impureCalls.test(line)) {
      complaints.push(`${at}: is pure; take the clock and randomness as arguments`);
    }
    if (/\bprocess\.env\b/.test(line) && !readsEnvironment(file.path)) {
      complaints.push(`${at}: reads process.env; only @portolan/kit may (parseEnv)`);
    }
    const name = branchedOn(file.path, line);
    if (name) complaints.push(`${at}: branches on the name "${name}"; put what differs into its adapter`);
  }
  return complaints;
}

/** Whose variables reach the process's environment: the one reader of it, and what never ships. */
const readsEnvironment = (path: string): boolean =>
  path.startsWith("packages/kit/") || /(^|\/)scripts\//.test(path) || path.endsWith(".config.ts");

const frameworkNames = ["anvil", "geth", "besu", "fabric", "octez"];
const runtimeNames = ["process", "kubernetes"];

/** A framework's or a runtime's name compared outside its own folder: the branch that every new one would have to join. */
function branchedOn(path: string, line: string): string | undefined {
  const match = /(?:[!=]==?\s*|\bcase\s+)"(\w+)"|"(\w+)"\s*[!=]==?/.exec(line);
  const name = match?.[1] ?? match?.[2];
  if (name === undefined) return undefined;
  const isForeign =
    (frameworkNames.includes(name) && !path.startsWith(`packages/frameworks/src/${name}/`)) ||
    (runtimeNames.includes(name) && !path.startsWith(`packages/runtimes/src/${name}/`));
  return isForeign ? name : undefined;
}

function resolveRelative(from: string, specifier: string): string {
  const parts = from.split("/").slice(0, -1);
  for (const part of specifier.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

interface Edge {
  readonly target: string;
  readonly isTypeOnly: boolean;
}

/**
 * Circles of which at least one import exists at run time, each reported once, from its alphabetically first file. One
 * of types alone is none; one that types close is: the files can't be understood, moved or tested one without the other.
 */
function importCycles(workspaces: readonly Workspace[], files: readonly SourceFile[]): string[] {
  const known = new Set(files.map((file) => file.path));
  const graph = new Map<string, Edge[]>();
  for (const file of files) {
    if (!workspaces.some((workspace) => file.path.startsWith(`${workspace.dir}/`))) continue;
    const edges = importsOf(file.text)
      .filter((each) => each.specifier.startsWith("."))
      .map((each) => ({ target: resolveRelative(file.path, each.specifier), isTypeOnly: each.isTypeOnly }))
      .filter(({ target }) => known.has(target));
    graph.set(file.path, edges);
  }
  const cycles = new Set<string>();
  for (const [path, edges] of [...graph].sort(([one], [other]) => (one < other ? -1 : 1))) {
    for (const { target, isTypeOnly } of edges) {
      const back = isTypeOnly ? undefined : shortestWay(graph, target, path);
      if (back !== undefined) cycles.add(describeCycle(back));
    }
  }
  return [...cycles];
}

/** The files from one to another, both among them; undefined: nothing leads there. */
function shortestWay(graph: ReadonlyMap<string, readonly Edge[]>, from: string, to: string): string[] | undefined {
  const cameFrom = new Map<string, string | undefined>([[from, undefined]]);
  // A map goes on with what is added while it is walked through.
  for (const path of cameFrom.keys()) {
    if (path === to) break;
    for (const { target } of graph.get(path) ?? []) if (!cameFrom.has(target)) cameFrom.set(target, path);
  }
  if (!cameFrom.has(to)) return undefined;
  const way: string[] = [];
  for (let at: string | undefined = to; at !== undefined; at = cameFrom.get(at)) way.unshift(at);
  return way;
}

function describeCycle(members: readonly string[]): string {
  const smallest = members.reduce((best, path, index) => (path < (members[best] ?? "") ? index : best), 0);
  const turned = [...members.slice(smallest), ...members.slice(0, smallest)];
  return `${turned[0]}: is in an import cycle: ${[...turned, turned[0]].join(" → ")}`;
}
