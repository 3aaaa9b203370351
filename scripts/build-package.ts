/**
 * Builds the package of the current directory as JavaScript with declarations into `dist/`, which is what is published:
 * the workspace itself runs from its sources. Packages that it depends on have been built before (turbo's order).
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

const root = path.resolve(import.meta.dirname, "..");
const here = process.cwd();
const dist = path.join(here, "dist");
const manifest = JSON.parse(readFileSync(path.join(here, "package.json"), "utf8")) as Manifest;

/** Neighbours by their built declarations: their sources would be compiled into this package. */
function neighbourPaths(): Record<string, string[]> {
  const names = Object.keys(manifest.dependencies ?? {}).filter((name) => name.startsWith("@portolan/"));
  const distOf = (name: string): string => path.join(root, "packages", name.slice("@portolan/".length), "dist");
  return Object.fromEntries(
    names.flatMap((name) => [
      [name, [path.join(distOf(name), "index.d.ts")]],
      [`${name}/*`, [path.join(distOf(name), "*.d.ts")]],
    ]),
  );
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
const project = path.join(here, "tsconfig.build.json");
writeFileSync(
  project,
  JSON.stringify({
    extends: path.join(root, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      allowImportingTsExtensions: false,
      declaration: true,
      outDir: dist,
      rootDir: path.join(here, "src"),
      paths: neighbourPaths(),
    },
    include: ["src"],
    exclude: ["src/**/*.test.ts"],
  }),
);
try {
  const tsc = path.join(root, "node_modules", "typescript", "bin", "tsc");
  const { status } = spawnSync(process.execPath, [tsc, "-p", project], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
} finally {
  rmSync(project, { force: true });
}
// What is read at run time beside the code: programs that nodes run, contracts, tables.
cpSync(path.join(here, "src"), dist, {
  recursive: true,
  filter: (source) => !source.endsWith(".ts"),
});

const built = (source: string, ending: string): string => source.replace(/^\.\/src\//, "./").replace(/\.ts$/, ending);
const entries = Object.entries(manifest.exports).map(([entry, source]) => [
  entry,
  { types: built(source, ".d.ts"), default: built(source, ".js") },
]);
const { name, version, description, license, dependencies } = manifest;
const published = {
  name,
  version,
  description,
  license,
  type: "module",
  exports: Object.fromEntries(entries),
  dependencies,
};
writeFileSync(path.join(dist, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
cpSync(path.join(root, "LICENSE"), path.join(dist, "LICENSE"));
