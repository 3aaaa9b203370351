import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

const chunkBytes = 1 << 20;
const zeros = Buffer.alloc(chunkBytes);

const writeAll = async (to: FileHandle, chunk: Buffer, position: number): Promise<void> => {
  for (let done = 0; done < chunk.length; ) {
    done += (await to.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
  }
};

/**
 * Copies a file to a path that is not there yet, in one reading, onto the disk. What is empty in it takes no space in
 * the copy either (logs of a consensus are made in sizes that they rarely fill).
 */
export const copyAndHash = async (from: string, to: string): Promise<{ sizeBytes: number; sha256: string }> => {
  const hash = createHash("sha256");
  const target = await open(to, "wx", 0o600);
  let sizeBytes = 0;
  try {
    for await (const piece of createReadStream(from, { highWaterMark: chunkBytes })) {
      const chunk = piece as Buffer;
      hash.update(chunk);
      if (!chunk.equals(zeros.subarray(0, chunk.length))) await writeAll(target, chunk, sizeBytes);
      sizeBytes += chunk.length;
    }
    await target.truncate(sizeBytes);
    await target.sync();
  } finally {
    await target.close();
  }
  return { sizeBytes, sha256: hash.digest("hex") };
};
