import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

/** The few file operations that the spool needs; synchronous, because a turn's append must be over before it answers. */
export interface SpoolFiles {
  list(): string[];
  open(name: string): number;
  write(handle: number, bytes: Uint8Array, offset: number): number;
  close(handle: number): void;
  read(name: string): Buffer;
  sizeBytes(name: string): number;
  remove(name: string): void;
  rename(name: string, to: string): void;
}

/** A directory of the operating system, made with mode 0700. Files are append-only and 0600. */
export const createSpoolFiles = (dir: string): SpoolFiles => {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return {
    list: () => readdirSync(dir),
    // Exclusive: two writers of one segment would both believe to be the source of its batch.
    open: (name) => openSync(join(dir, name), "ax", 0o600),
    write: (handle, bytes, offset) => writeSync(handle, bytes, offset),
    close: (handle) => closeSync(handle),
    read: (name) => readFileSync(join(dir, name)),
    sizeBytes: (name) => statSync(join(dir, name)).size,
    remove: (name) => unlinkSync(join(dir, name)),
    rename: (name, to) => renameSync(join(dir, name), join(dir, to)),
  };
};
