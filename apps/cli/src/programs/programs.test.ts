import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { findProgramSet } from "@portolan/frameworks";
import { requireProgramSet, temporaryDirectory } from "@portolan/testing";
import { expect, onTestFinished, test, vi } from "vitest";
import { readCliConfig } from "../config.ts";
import { checkPrograms } from "../doctor/programs.ts";
import { createProfileStore } from "../profile.ts";
import { run } from "../run.ts";
import { readSaidVersion } from "./said-version.ts";
import { type TarFixtureEntry, toTar } from "./tar-fixture.ts";

/** Acts as one of the programs: says a version, as the real ones do. */
const script = (version = "v3.1.5"): string => `#!/bin/sh\n[ "$1" = version ] && echo " Version: ${version}"\n`;
const both: TarFixtureEntry[] = [
  { path: "bin/peer", content: script() },
  { path: "bin/orderer", content: script() },
];
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

type Answers = { [url: string]: (() => Response) | undefined };

const setUp = (answers: Answers = {}) => {
  const root = temporaryDirectory("programs");
  const programs = join(root, "programs");
  const written = { out: "", err: "" };
  const add = (text: unknown, to: "out" | "err"): true => {
    written[to] += String(text);
    return true;
  };
  const asked: string[] = [];
  const go = (...args: string[]) =>
    run(["programs", ...args], {
      screen: {
        out: { write: (text) => add(text, "out") },
        err: { write: (text) => add(text, "err") },
      },
      stdin: Readable.from([""]) as unknown as NodeJS.ReadStream,
      loadConfig: () => readCliConfig({ PORTOLAN_PROGRAMS: programs, PORTOLAN_CONFIG: join(root, "profile.json") }),
      openProfile: createProfileStore,
      root: "/clone",
      fetch: async (url, init) => {
        asked.push(url);
        if (url.startsWith("http://127.0.0.1")) return fetch(url, init);
        const answer = answers[url];
        if (answer === undefined) throw new TypeError("fetch failed", { cause: new Error(`no answer for ${url}`) });
        return answer();
      },
    });
  /** A directory with these files, executable. */
  const source = (files: Record<string, string>): string => {
    const directory = join(root, "source");
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(join(directory, path, ".."), { recursive: true });
      writeFileSync(join(directory, path), content, { mode: 0o644 });
    }
    return directory;
  };
  const target = join(programs, "fabric-3.1.5");
  /** Nothing of it, not even a half. */
  const expectNothing = () => expect(existsSync(programs) ? readdirSync(programs) : []).toEqual([]);
  return { go, source, target, programs, root, screen: () => written, asked, expectNothing };
};

const serve = async (body: Uint8Array, options: { isChunked?: boolean } = {}): Promise<string> => {
  const server = createServer((request, response) => {
    if (request.url?.startsWith("/moved") === true) return response.writeHead(302, { location: "/a.tar.gz" }).end();
    if (request.url?.startsWith("/gone") === true) return response.writeHead(404).end();
    if (options.isChunked !== true) response.setHeader("content-length", body.length);
    return response.end(body);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no address");
  return `http://127.0.0.1:${address.port}`;
};

test.each(["", "bin/"])(
  "from a directory: the two programs in '%s' and nothing else, for everybody to run",
  async (at) => {
    const { go, source, target, screen, programs } = setUp();
    const from = source({ [`${at}peer`]: script(), [`${at}orderer`]: script("3.1.5"), [`${at}osnadmin`]: script() });
    expect(await go("install", "fabric@3.1.5", "--from", from, "--json")).toBe(0);
    expect(readdirSync(target).toSorted()).toEqual(["orderer", "peer"]);
    for (const name of ["orderer", "peer", "."]) expect(statSync(join(target, name)).mode & 0o777).toBe(0o755);
    expect(readFileSync(join(target, "peer"), "utf8")).toBe(script());
    expect(readdirSync(programs)).toEqual(["fabric-3.1.5"]);
    expect(JSON.parse(screen().out)).toMatchObject({ set: "fabric", version: "3.1.5" });
  },
);

test("without a version: the default one; once more replaces the programs and keeps what else is there", async () => {
  const { go, source, target } = setUp();
  expect(await go("install", "fabric", "--from", source({ peer: script(), orderer: script() }))).toBe(0);
  writeFileSync(join(target, "notes"), "mine");
  const newer = `${script()}# newer\n`;
  expect(await go("install", "fabric", "--from", source({ peer: newer, orderer: newer }))).toBe(0);
  expect(readFileSync(join(target, "orderer"), "utf8")).toBe(newer);
  expect(readdirSync(target).toSorted()).toEqual(["notes", "orderer", "peer"]);
});

test.each([
  ["lacks one", { peer: script() }, "lacks orderer.", "consists of orderer and peer"],
  ["lacks both", { osnadmin: script() }, "lacks orderer and peer.", "consists of"],
  ["another version", { peer: script(), orderer: script("v2.5.16") }, "says that it is version 2.5.16, not 3.1.5", ""],
  [
    "no version",
    { peer: script(), orderer: "#!/bin/sh\necho hello\n" },
    "it names no version",
    "built for this machine",
  ],
  ["fails", { peer: script(), orderer: "#!/bin/sh\nexit 3\n" }, "it ends with 3", "built for this machine"],
  ["another machine's", { peer: script(), orderer: "\u007fELFnot really" }, "orderer can't be used", "built for this"],
])("from a directory that %s: a sentence, and nothing is written", async (_name, files, message, hint) => {
  const { go, source, screen, expectNothing } = setUp();
  expect(await go("install", "fabric@3.1.5", "--from", source(files))).toBe(1);
  expect(screen().err).toContain(message);
  expect(screen().err).toContain(hint);
  expect(screen().out).toBe("");
  expectNothing();
});

test("a failure leaves the installed programs as they were", async () => {
  const { go, source, target, programs } = setUp();
  expect(await go("install", "fabric", "--from", source({ peer: script(), orderer: script() }))).toBe(0);
  expect(await go("install", "fabric", "--from", source({ peer: script("v9.9.9") }))).toBe(1);
  expect(readFileSync(join(target, "peer"), "utf8")).toBe(script());
  expect(readdirSync(programs)).toEqual(["fabric-3.1.5"]);
});

test.each([
  ["an unknown set", ["nothing"], "fabric@3.1.5, octez@"],
  ["an unknown version", ["fabric@9.9.9"], "fabric@3.1.5, octez@"],
  ["a path as a version", ["fabric@../../etc"], "There is"],
  ["a digest that is none", ["fabric", "--sha256", "abc"], "64 hexadecimal digits"],
  ["a digest for a directory", ["fabric", "--from", "/tmp", "--sha256", "0".repeat(64)], "a directory has none"],
  ["another scheme", ["fabric", "--from", "ftp://mirror/x"], "https://"],
])("%s is wrong usage", async (_name, args, hint) => {
  const { go, screen, asked, expectNothing } = setUp();
  expect(await go("install", ...args)).toBe(2);
  expect(screen().err).toContain(hint);
  expect(asked).toEqual([]);
  expectNothing();
});

test("an address with a password is refused without repeating it", async () => {
  const { go, screen } = setUp();
  expect(await go("install", "fabric", "--from", "https://me:hidden-word@mirror.example/a.tar.gz")).toBe(2);
  expect(screen().err).not.toContain("hidden-word");
});

test.each(["", "/moved"])("from a mirror%s with the operator's digest: only the wanted regular files", async (path) => {
  const { go, root, target, programs } = setUp();
  const archive = gzipSync(
    toTar([
      { path: "../../escape", content: "x" },
      { path: "/etc/peer", content: "x" },
      { path: "bin/", type: "5" },
      { path: "peer", type: "2", link: "/bin/true" },
      { path: "config/core.yaml", content: "x" },
      { path: "./bin/peer", content: `${script()}${"#".repeat(100_000)}` },
      { path: "bin/orderer", content: script() },
    ]),
  );
  const url = `${await serve(archive, { isChunked: path !== "" })}${path}`;
  expect(await go("install", "fabric", "--from", url, "--sha256", sha256(archive).toUpperCase())).toBe(0);
  expect(readdirSync(target).toSorted()).toEqual(["orderer", "peer"]);
  expect(statSync(join(target, "peer")).size).toBeGreaterThan(100_000);
  expect(readdirSync(programs)).toEqual(["fabric-3.1.5"]);
  expect(readdirSync(root)).toEqual(["programs"]);
});

test("an archive of another digest is never unpacked, and the sentence names both", async () => {
  const { go, screen, expectNothing } = setUp();
  const archive = gzipSync(toTar(both));
  const url = await serve(archive);
  expect(await go("install", "fabric", "--from", `${url}/a?token=hidden-word`, "--sha256", "0".repeat(64))).toBe(1);
  expect(screen().err).toContain(sha256(archive));
  expect(screen().err).toContain("0".repeat(64));
  expect(screen().err).not.toContain("hidden-word");
  expectNothing();
  // Without the operator's digest a mirror's archive must be the vendor's.
  expect(await go("install", "fabric", "--from", url)).toBe(1);
  expectNothing();
});

test.each([
  ["no archive", Buffer.from("<html>"), "no usable archive"],
  ["cut off", gzipSync(toTar(both)).subarray(0, 60), "no usable archive"],
  ["no tar", gzipSync("x".repeat(5_000)), "no usable archive"],
  ["without a program", gzipSync(toTar(both.slice(0, 1))), "lacks orderer"],
  [
    "a link for a program",
    gzipSync(toTar([{ path: "bin/orderer", type: "2", link: "/bin/sh" }, ...both.slice(0, 1)])),
    "lacks",
  ],
  ["a program twice", gzipSync(toTar([...both, ...both])), "comes twice"],
  ["another version", gzipSync(toTar(both.map((each) => ({ ...each, content: script("v3.1.4") })))), "version 3.1.4"],
])("an archive that is right by its digest, but %s", async (_name, archive, message) => {
  const { go, screen, expectNothing } = setUp();
  expect(await go("install", "fabric", "--from", await serve(archive), "--sha256", sha256(archive))).toBe(1);
  expect(screen().err).toContain(message);
  expectNothing();
});

test("a mirror that is gone, answers badly, or sends without end", async () => {
  const huge = new Response(new Uint8Array(1), { headers: { "content-length": String(600 * 1024 * 1024) } });
  const { go, screen, expectNothing } = setUp({ "https://huge.example/": () => huge });
  const digest = ["--sha256", "0".repeat(64)];
  expect(await go("install", "fabric", "--from", `${await serve(Buffer.alloc(0))}/gone`, ...digest)).toBe(1);
  expect(screen().err).toContain("the server answers 404");
  expect(await go("install", "fabric", "--from", "http://127.0.0.1:9/", ...digest)).toBe(1);
  expect(screen().err).toContain("can't be had");
  expect(await go("install", "fabric", "--from", "https://huge.example/", ...digest)).toBe(1);
  expect(screen().err).toContain("longer than 500 MiB");
  expectNothing();
});

const catalogued = process.platform === "linux" && process.arch === "x64";

test.runIf(catalogued)("without --from: the vendor's address, and the catalogue's digest", async () => {
  const url =
    "https://github.com/hyperledger/fabric/releases/download/v3.1.5/hyperledger-fabric-linux-amd64-3.1.5.tar.gz";
  const { go, screen, asked, expectNothing } = setUp({ [url]: () => new Response(gzipSync(toTar(both))) });
  expect(await go("install", "fabric@3.1.5")).toBe(1);
  expect(asked).toEqual([url]);
  expect(screen().err).toContain("should be b9c31fd490991e76f8acb1835dee09fc19fee5428cb13e190ee6e0bdd2c37858");
  expectNothing();
  const archive = gzipSync(toTar(both));
  expect(await go("install", "fabric@3.1.5", "--sha256", sha256(archive))).toBe(0);
});

test("list says what is there, what is missing and how to get it, and what is of another version", async () => {
  const { go, source, target, screen, programs } = setUp();
  expect(await go("list", "--json")).toBe(0);
  expect(JSON.parse(screen().out)).toContainEqual(
    expect.objectContaining({
      program: "peer",
      state: "missing",
      install: expect.stringContaining("install fabric@3.1.5"),
    }),
  );
  const fabricIn = (findings: Awaited<ReturnType<typeof checkPrograms>>) =>
    findings.filter(({ check }) => ["orderer", "peer"].includes(check));
  const findings = await checkPrograms(programs, "");
  expect(fabricIn(findings)).toMatchObject([
    { check: "orderer", state: "note", fix: "npm run portolan -- programs install fabric@3.1.5" },
    { check: "peer", state: "note" },
  ]);
  // What can't be fetched says whom to get it from, and what it needs besides.
  expect(findings).toContainEqual(
    expect.objectContaining({
      check: "octez-baker",
      state: "note",
      fix: expect.stringMatching(/Zcash parameters.*install octez@25\.1 --from DIRECTORY/),
    }),
  );
  await go("install", "fabric", "--from", source({ peer: script(), orderer: script() }));
  writeFileSync(join(target, "peer"), script("v2.5.16"));
  expect(fabricIn(await checkPrograms(programs, ""))).toMatchObject([
    { check: "orderer", state: "ok", message: `Hyperledger Fabric 3.1.5: ${join(target, "orderer")}` },
    {
      check: "peer",
      state: "wrong",
      message: expect.stringContaining("2.5.16"),
      fix: expect.stringContaining("install"),
    },
  ]);
});

test("list as a table: paths in it, and how to get what is missing once for each set below it", async () => {
  const { go, screen } = setUp();
  expect(await go("list")).toBe(0);
  const [table = "", ...hints] = screen().out.split("\n\n");
  expect(table).toMatch(/^SET +VERSION +PROGRAM +STATE +PATH +PROBLEM$/m);
  expect(table).toMatch(/^octez +25\.1 +octez-baker +missing/m);
  expect(table).not.toContain("Zcash");
  expect(hints.filter((hint) => hint.startsWith("octez 25.1: "))).toHaveLength(1);
});

test("a program that does not end is ended, and gets nothing of our environment", async () => {
  const { source } = setUp();
  const set = findProgramSet("fabric");
  if (set === undefined) throw new Error("no set");
  const from = source({
    peer: "#!/bin/sh\nexec sleep 60\n",
    orderer: '#!/bin/sh\necho "Version: v$(env | grep -c PORTOLAN)"\n',
  });
  for (const name of ["peer", "orderer"]) chmodSync(join(from, name), 0o755);
  expect(await readSaidVersion(set, join(from, "peer"), 200)).toEqual({ why: "it did not answer in time" });
  vi.stubEnv("PORTOLAN_SECRET_OF_TEST", "x");
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(await readSaidVersion(set, join(from, "orderer"))).toEqual({ version: "0" });
});

test("the real programs, by a directory of links to them", async () => {
  const real = requireProgramSet("fabric");
  if (real === undefined) return;
  const { go, root, target, screen } = setUp();
  const from = join(root, "links", "bin");
  mkdirSync(from, { recursive: true });
  for (const [name, path] of Object.entries(real.paths)) symlinkSync(path, join(from, name));
  expect(await go("install", "fabric@3.1.5", "--from", join(root, "links"))).toBe(0);
  const peer = real.paths["peer"] ?? "";
  expect(sha256(readFileSync(join(target, "peer")))).toBe(sha256(readFileSync(peer)));
  expect(await go("list")).toBe(0);
  expect(screen().out.match(/installed/g)).toHaveLength(2);
});
