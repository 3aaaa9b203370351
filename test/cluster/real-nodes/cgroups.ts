import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const root = "/sys/fs/cgroup";
const isUnified = (): boolean => existsSync(join(root, "cgroup.controllers"));

/** One tree, or with version 1 one per controller, and systemd's. */
const trees = (): string[] =>
  isUnified()
    ? [root]
    : readdirSync(root)
        .map((name) => join(root, name))
        .filter((path) => statSync(path).isDirectory());

/** The group below which a node's kubelet makes its pods'. */
export const makeCgroup = (name: string): void => {
  // containerd makes its own in the tree that version 2 has beside version 1.
  for (const tree of trees().filter((path) => !path.endsWith("/unified"))) {
    if (isUnified()) {
      const controllers = readFileSync(join(tree, "cgroup.controllers"), "utf8").trim().split(" ");
      writeFileSync(join(tree, "cgroup.subtree_control"), controllers.map((each) => `+${each}`).join(" "));
    }
    const group = join(tree, name);
    mkdirSync(group, { recursive: true });
    // A new group of the first version's cpuset has no processors and takes no process.
    for (const file of ["cpuset.cpus", "cpuset.mems"]) {
      if (!isUnified() && existsSync(join(group, file)))
        writeFileSync(join(group, file), readFileSync(join(tree, file)));
    }
  }
};

/** Those whose names begin so. Their processes have been killed; the kernel may take a moment to let them go. */
export const removeCgroups = async (prefix: string): Promise<void> => {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const groups = trees().flatMap((tree) =>
      readdirSync(tree)
        .filter((name) => name.startsWith(prefix))
        .map((name) => join(tree, name)),
    );
    if (groups.map(removeTree).every(Boolean)) return;
    await sleep(100);
  }
};

const removeTree = (group: string): boolean => {
  if (!existsSync(group)) return true;
  try {
    for (const entry of readdirSync(group, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(join(group, entry.name));
    }
    rmdirSync(group);
    return true;
  } catch {
    return false;
  }
};
