import { crc32 } from "node:zlib";

/** A regular file of an archive. */
export interface ArchiveFile {
  /** At most 100 bytes. */
  name: string;
  content: Uint8Array;
}

const blockBytes = 512;

/** Octal digits, filled up with zeros and ended by a NUL, as ustar has its numbers. */
const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, "0")}\0`;

const toHeader = ({ name, content }: ArchiveFile): Uint8Array => {
  const header = Buffer.alloc(blockBytes);
  if (Buffer.byteLength(name) > 100) throw new Error(`the name of a file in an archive is too long: ${name}`);
  header.write(name, 0);
  header.write(octal(0o644, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(content.byteLength, 12), 124);
  // No time: the same content is the same archive.
  header.write(octal(0, 12), 136);
  // While it is summed up, the place of the checksum holds spaces.
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\0", 257);
  header.write("00", 263);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
};

/** A POSIX (ustar) archive of regular files, mode 0644, without owners and times: a pure function of its input. */
export const toTar = (files: readonly ArchiveFile[]): Uint8Array => {
  const parts = files.flatMap((file) => [
    toHeader(file),
    file.content,
    new Uint8Array((blockBytes - (file.content.byteLength % blockBytes)) % blockBytes),
  ]);
  return Buffer.concat([...parts, new Uint8Array(2 * blockBytes)]);
};

/**
 * Wraps bytes as gzip (RFC 1952) in stored blocks. Nothing is compressed, because what a compressor writes depends on
 * its version, and a package's id is a hash of its bytes.
 */
export const toGzip = (bytes: Uint8Array): Uint8Array => {
  const largest = 0xffff;
  const blocks: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < bytes.byteLength; at += largest) {
    const piece = bytes.subarray(at, at + largest);
    const head = Buffer.alloc(5);
    head.writeUInt8(at + largest >= bytes.byteLength ? 1 : 0, 0);
    head.writeUInt16LE(piece.byteLength, 1);
    head.writeUInt16LE(~piece.byteLength & 0xffff, 3);
    blocks.push(head, piece);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(bytes), 0);
  trailer.writeUInt32LE(bytes.byteLength % 2 ** 32, 4);
  // Magic, deflate, no flags, no time, no extra flags, operating system unknown.
  return Buffer.concat([Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255), ...blocks, trailer]);
};
