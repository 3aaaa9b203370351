export interface ProgramSetVersion {
  version: string;
  isDefault: boolean;
  /** SHA-256 (hex) of the vendor's archive by platform (`linux-x64`), where known; else the vendor's release is asked. */
  sha256: { readonly [platform: string]: string };
}

/** Programs of one vendor that are installed together, into `<programs directory>/<name>-<version>/`. */
export interface ProgramSet {
  name: string;
  title: string;
  /** Names of the executables that Portolan runs; nothing else is installed. */
  programs: readonly string[];
  versions: readonly ProgramSetVersion[];
  /** How each program says its version: what it is started with, and a pattern whose first group is the version. */
  says: { args: readonly string[]; version: RegExp };
  /** What the programs' last words are where something on the machine is missing that they need, and how to get it. */
  lacks?: { says: RegExp; hint: string };
  /** Where `archive` is absent: from whom the operator gets the programs, as a sentence. */
  byHand?: string;
  /**
   * The programs need what lies around them in their vendor's archive, so that nothing is copied out of it: the operator
   * unpacks the whole of it where `programSetDirectory` says.
   */
  isUnpackedByHand?: true;
  /** Templates: `{version}` and `{platform}` are filled in. Absent: Portolan can't fetch them from their vendor. */
  archive?: {
    /** A gzipped tar archive. */
    url: string;
    /** GitHub's "get a release by tag name", whose assets carry a `digest`. */
    release: string;
    /** `<process.platform>-<process.arch>` → the vendor's word for it. */
    platforms: { readonly [platform: string]: string };
    /** Directory inside the archive that holds the programs. */
    directory: string;
  };
}
