// A node of the fake framework. One file without imports of ours, because it is also run as a real program: the process
// runtime gets it as a file of the blueprint and starts it with `node`. In memory the fake runtime calls the same code.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { join } from "node:path";

/** Where a node keeps its data; a map in memory, files on a disk. */
export interface FakeNodeDisk {
  read(name: string): string | null;
  write(name: string, text: string): void;
}

export interface FakeNodeFiles {
  genesis: string;
  certificate: string;
  key: string;
}

export interface FakeNodeStatus {
  node: string;
  genesisHash: string;
  certificateVersion: number;
  certificateNotAfter: string;
  topics: readonly string[];
  /** Topic → hours that it keeps. */
  retention: { readonly [topic: string]: number };
  isPrepared: boolean;
  seeds: number;
  scribbles: number;
  height: number;
}

export interface FakeNode {
  status(): FakeNodeStatus;
  /** What a POST to this path asks for: `/topics/a?hours=24` creates or changes a topic, `/topics/a/remove` ends it. */
  post(path: string): FakeNodeStatus;
  /** The answer of the stream protocol to one line. */
  answer(line: string): string;
}

const hash = (text: string): string => {
  let value = 5381;
  for (let index = 0; index < text.length; index++) value = (value * 33 + text.charCodeAt(index)) >>> 0;
  return value.toString(16);
};

export const createFakeNode = (name: string, files: FakeNodeFiles, disk: FakeNodeDisk): FakeNode => {
  const certificate = JSON.parse(files.certificate) as { version: number; notAfter: string; node: string };
  if (certificate.node !== name) throw new Error("the certificate is another node's");
  if (files.key.length < 32) throw new Error("the node's key is not there");
  const topics = (): { [topic: string]: number } =>
    JSON.parse(disk.read("topics.json") ?? "{}") as { [topic: string]: number };
  const height = (): number => Number(disk.read("height") ?? "0");
  const status = (): FakeNodeStatus => ({
    node: name,
    genesisHash: hash(files.genesis),
    certificateVersion: certificate.version,
    certificateNotAfter: certificate.notAfter,
    topics: Object.keys(topics()).sort(),
    retention: topics(),
    isPrepared: disk.read("prepared") !== null,
    seeds: Number(disk.read("seeds") ?? "0"),
    scribbles: Number(disk.read("scribbles") ?? "0"),
    height: height(),
  });
  return {
    status,
    post: (path) => {
      const [, topic, remove, hours] = /^\/topics\/([\w-]+)(?:(\/remove)|\?hours=(\d+))?$/.exec(path) ?? [];
      if (topic === undefined) return status();
      const { [topic]: _former, ...others } = topics();
      const changed = remove === undefined ? { ...others, [topic]: Number(hours ?? 24) } : others;
      disk.write("topics.json", JSON.stringify(changed));
      return status();
    },
    answer: (line) => {
      disk.write("height", String(height() + 1));
      return `${name} ${height()} ${line}`;
    },
  };
};

/** The one-off jobs and init commands of the blueprint, by name. */
export const runFakeCommand = (command: string, disk: FakeNodeDisk): void => {
  if (command === "prepare") disk.write("prepared", "yes");
  if (command === "seed") disk.write("seeds", String(Number(disk.read("seeds") ?? "0") + 1));
};

const openDisk = (directory: string): FakeNodeDisk => {
  mkdirSync(directory, { recursive: true });
  return {
    read: (file) => (existsSync(join(directory, file)) ? readFileSync(join(directory, file), "utf8") : null),
    write: (file, text) => {
      writeFileSync(join(directory, `${file}.tmp`), text);
      renameSync(join(directory, `${file}.tmp`), join(directory, file));
    },
  };
};

const serve = (args: readonly string[], disk: FakeNodeDisk): void => {
  const [name = "", genesis = "", certificate = "", key = "", host = "", statusPort = "", streamPort = ""] = args;
  const read = (path: string) => readFileSync(path, "utf8");
  const node = createFakeNode(name, { genesis: read(genesis), certificate: read(certificate), key: read(key) }, disk);
  createServer((request, response) => {
    const body = request.method === "POST" ? node.post(request.url ?? "") : node.status();
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(body));
  }).listen(Number(statusPort), host);
  createTcpServer((socket) => {
    let buffer = "";
    socket.on("error", () => undefined);
    socket.on("data", (data) => {
      buffer += data.toString("utf8");
      for (let end = buffer.indexOf("\n"); end >= 0; end = buffer.indexOf("\n")) {
        socket.write(`${node.answer(buffer.slice(0, end))}\n`);
        buffer = buffer.slice(end + 1);
      }
    });
  }).listen(Number(streamPort), host);
};

const main = (): void => {
  const [command = "", directory = "", ...rest] = process.argv.slice(2);
  const disk = openDisk(directory);
  if (command === "serve") serve(rest, disk);
  else if (command === "scribe")
    setInterval(() => disk.write("scribbles", String(Number(disk.read("scribbles") ?? "0") + 1)), 50);
  else runFakeCommand(command, disk);
};

// Only as a program: a test that imports this file starts nothing.
if (process.argv[1]?.endsWith("fake-node.ts") === true) main();
