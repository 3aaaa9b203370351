import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** The unprivileged user that programs run as. */
export interface RunUser {
  name: string;
  uid: number;
  gid: number;
}

/** The users that are looked for, in this order. */
const candidates = ["portolan", "nobody"];

/** A user other than root for the programs: only where this process is root, else there is no choice to make. */
export const findRunUser = (passwdPath = "/etc/passwd"): RunUser | undefined => {
  if (process.getuid?.() !== 0) return undefined;
  let rows: string[][];
  try {
    rows = readFileSync(passwdPath, "utf8")
      .split("\n")
      .map((line) => line.split(":"));
  } catch {
    return undefined;
  }
  for (const name of candidates) {
    const row = rows.find(([user]) => user === name);
    const uid = Number(row?.[2]);
    const gid = Number(row?.[3]);
    if (row && Number.isInteger(uid) && uid > 0 && Number.isInteger(gid)) return { name, uid, gid };
  }
  return undefined;
};

const mayEnter = (path: string, user: RunUser, bit: 1 | 4): boolean => {
  const { mode, uid, gid } = statSync(path);
  const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
  return ((mode >> shift) & bit) === bit;
};

/** Whether the user can reach (enter, or execute) a path through all of its parents. Access lists are not looked at. */
export const isReachable = (path: string, user: RunUser): boolean => {
  try {
    for (let current = resolve(path); ; current = dirname(current)) {
      if (!mayEnter(current, user, 1)) return false;
      if (current === dirname(current)) return true;
    }
  } catch {
    return false;
  }
};
