import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { hasErrorCode } from "@portolan/kit";
import { CliFailure } from "../failure.ts";
import { readTar, TarError, type TarSink } from "./tar-entries.ts";

const gibibyte = 1024 ** 3;
/** Unpacked: of one program, and of everything in the archive. */
const limits = { program: gibibyte, archive: 4 * gibibyte };

/** What the archive unpacks to. @throws TarError beyond the limit. */
async function* unpack(archive: string): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  const source = createReadStream(archive);
  // What goes wrong in either is thrown by the loop below.
  const flow = pipeline(source, gunzip).catch(() => undefined);
  let unpacked = 0;
  try {
    for await (const chunk of gunzip) {
      unpacked += chunk.length;
      if (unpacked > limits.archive) throw new TarError("it unpacks to too much");
      yield chunk;
    }
  } finally {
    gunzip.destroy();
    source.destroy();
    await flow;
  }
}

/** Takes the programs, wherever else an entry's name may point to: files are named by us, never by the archive. */
const createProgramSink = (wanted: ReadonlyMap<string, string>) => {
  const written = new Set<string>();
  let file: FileHandle | undefined;
  const close = async (): Promise<void> => {
    const last = file;
    file = undefined;
    await last?.close();
  };
  const sink: TarSink = {
    begin: ({ path, size, isRegular }) => {
      const target = wanted.get(path.replace(/^\.\//, ""));
      if (target === undefined || !isRegular) return undefined;
      if (size > limits.program) throw new TarError(`${path} is too large`);
      if (written.has(target)) throw new TarError(`${path} comes twice`);
      written.add(target);
      return async (chunk) => {
        file ??= await open(target, "wx", 0o755);
        await file.writeFile(chunk);
      };
    },
    end: close,
  };
  return { sink, close };
};

/**
 * Writes the archive's programs into `into`, if they are regular files in `directory` or at its top; nothing else of it.
 * @throws CliFailure when it is no gzipped tar archive, or beyond the limits.
 */
export const extractPrograms = async (
  archive: string,
  options: { programs: readonly string[]; directory: string; into: string },
): Promise<void> => {
  const { programs, directory, into } = options;
  const wanted = new Map(
    programs.flatMap((program) => {
      const target = join(into, program);
      return [[program, target] as const, [`${directory}/${program}`, target] as const];
    }),
  );
  const { sink, close } = createProgramSink(wanted);
  try {
    await readTar(unpack(archive), sink);
  } catch (error) {
    const isDamaged = hasErrorCode(error, "Z_DATA_ERROR", "Z_BUF_ERROR", "Z_NEED_DICT", "Z_MEM_ERROR");
    if (!isDamaged && !(error instanceof TarError)) throw error;
    const why = error instanceof TarError ? error.message : "it does not unpack";
    throw new CliFailure(`What was downloaded is no usable archive (a gzipped tar): ${why}.`, { cause: error });
  } finally {
    await close();
  }
};
