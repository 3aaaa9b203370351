import { cp, lstat, mkdir, mkdtemp, readdir, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Checkout {
  root: string;
  remove(): Promise<void>;
}

const isSource = (path: string): boolean => !["node_modules", "dist", ".turbo", "test"].includes(basename(path));

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/**
 * The checkout once more, as it is after an install that left out some packages: sources copied, so that they resolve
 * in their own node_modules, which links to every installed package but those.
 */
export const checkoutWithout = async (scopes: readonly string[]): Promise<Checkout> => {
  const copy = await mkdtemp(join(tmpdir(), "portolan-checkout-"));
  for (const name of ["apps", "packages", "prisma"]) {
    await cp(join(root, name), join(copy, name), { recursive: true, filter: isSource });
  }
  await cp(join(root, "package.json"), join(copy, "package.json"));
  for (const group of ["apps", "packages"]) {
    for (const name of await readdir(join(root, group))) {
      // What npm could not hoist.
      const own = join(root, group, name, "node_modules");
      if (await exists(own)) await symlink(own, join(copy, group, name, "node_modules"));
    }
  }
  const modules = join(root, "node_modules");
  await mkdir(join(copy, "node_modules", "@portolan"), { recursive: true });
  for (const name of await readdir(modules)) {
    if (name.startsWith(".") || name === "@portolan" || scopes.includes(name)) continue;
    await symlink(join(modules, name), join(copy, "node_modules", name));
  }
  for (const name of await readdir(join(modules, "@portolan"))) {
    const source = await realpath(join(modules, "@portolan", name));
    const target = join(copy, source.slice(root.length));
    if (await exists(target)) await symlink(target, join(copy, "node_modules", "@portolan", name));
  }
  return { root: copy, remove: () => rm(copy, { recursive: true, force: true }) };
};
