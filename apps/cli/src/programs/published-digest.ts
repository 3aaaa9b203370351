import type { ProgramArchive } from "@portolan/frameworks";
import { z } from "zod";
import { CliFailure } from "../failure.ts";
import { downloadText, type Fetch, toShownUrl } from "./download.ts";

/** GitHub's release, as far as it is read: https://docs.github.com/en/rest/releases/releases */
const release = z.object({
  assets: z.array(z.object({ name: z.string(), digest: z.string().nullish() })).max(1_000),
});

const limits = { most: 4 * 1024 * 1024, timeoutMs: 30_000 };

const parse = (text: string): z.output<typeof release> | undefined => {
  try {
    return release.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
};

/** SHA-256 (hex) of the vendor's archive: from the catalogue, else from the vendor's release. @throws CliFailure. */
export const findPublishedDigest = async (fetch: Fetch, archive: ProgramArchive): Promise<string> => {
  if (archive.sha256 !== undefined) return archive.sha256;
  const found = parse(await downloadText(fetch, archive.release, limits));
  const digest = found?.assets.find(({ name }) => name === archive.file)?.digest;
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest ?? "")?.[1];
  if (hex !== undefined) return hex;
  throw new CliFailure(`${toShownUrl(archive.release)} does not say the SHA-256 of ${archive.file}.`, {
    hint: "Say it yourself, from where you trust it: --sha256 HEX.",
  });
};
