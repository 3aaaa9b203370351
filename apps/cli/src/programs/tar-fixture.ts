import { Buffer } from "node:buffer";

/** For tests: one entry of a tar archive, as odd as wanted. */
export interface TarFixtureEntry {
  path: string;
  content?: string | Uint8Array;
  /** `0` file, `2` symbolic link, `5` directory, `L` GNU's long name, `x` pax header. */
  type?: string;
  link?: string;
  /** What the header says, where that is not the content's length. */
  size?: number;
}

const toBlocks = ({ path, content = "", type = "0", link = "", size }: TarFixtureEntry): Buffer => {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(path, 0, 100);
  header.write("0000755\0", 100);
  header.write(`${(size ?? bytes.length).toString(8).padStart(11, "0")}\0`, 124);
  header.write("        ", 148);
  header.write(type, 156);
  header.write(link, 157, 100);
  header.write("ustar\0", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
};

export const toTar = (entries: readonly TarFixtureEntry[]): Buffer =>
  Buffer.concat([...entries.map(toBlocks), Buffer.alloc(1024)]);
