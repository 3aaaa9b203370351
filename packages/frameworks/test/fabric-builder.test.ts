import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { temporaryDirectory } from "@portolan/testing";
import { expect, test } from "vitest";

const scripts = fileURLToPath(new URL("../src/fabric/assets/builder/bin/", import.meta.url));

/** As a peer lays it out: the code package unpacked, the metadata as it stands in the package. */
const layOut = (metadata: object | string) => {
  const root = temporaryDirectory("builder");
  const at = {
    source: join(root, "src"),
    metadata: join(root, "metadata"),
    output: join(root, "bld"),
    release: join(root, "release"),
  };
  for (const directory of Object.values(at)) mkdirSync(directory, { recursive: true });
  const text = typeof metadata === "string" ? metadata : JSON.stringify(metadata);
  writeFileSync(join(at.metadata, "metadata.json"), text);
  const run = (script: string, ...args: string[]) =>
    // As the peer does: a short environment, and the file itself is executed.
    spawnSync(join(scripts, script), args, { env: { PATH: "/usr/bin:/bin" }, encoding: "utf8" });
  return { ...at, run };
};
const connection = '{"address":"127.0.0.1:9999"}';

test("takes chaincode as a service, and hands the peer its connection and its indexes", () => {
  const { source, metadata, output, release, run } = layOut({ path: "", type: "ccaas", label: "basic" });
  writeFileSync(join(source, "connection.json"), connection);
  mkdirSync(join(source, "META-INF", "statedb", "couchdb", "indexes"), { recursive: true });
  writeFileSync(join(source, "META-INF", "statedb", "couchdb", "indexes", "owner.json"), "{}");
  expect(run("detect", source, metadata).status).toBe(0);
  expect(run("build", source, metadata, output).status).toBe(0);
  expect(run("release", output, release).status).toBe(0);
  expect(readFileSync(join(release, "chaincode", "server", "connection.json"), "utf8")).toBe(connection);
  expect(existsSync(join(release, "statedb", "couchdb", "indexes", "owner.json"))).toBe(true);
});

test("whatever the white space of the metadata", () => {
  const { source, metadata, run } = layOut('{\n  "label": "x",\n  "type" :\t"ccaas"\n}');
  expect(run("detect", source, metadata).status).toBe(0);
});

test("refuses every other kind, to detect and to build", () => {
  const others = [
    { type: "golang" },
    { type: "node" },
    { type: "ccaas2" },
    { type: "golang", label: '"type":"ccaas"' },
    {},
  ];
  for (const kind of [...others, "not JSON", ""]) {
    const { source, metadata, output, run } = layOut(kind);
    writeFileSync(join(source, "connection.json"), connection);
    expect([kind, run("detect", source, metadata).status]).toEqual([kind, 1]);
    expect([kind, run("build", source, metadata, output).status]).toEqual([kind, 1]);
    expect(existsSync(join(output, "connection.json"))).toBe(false);
  }
});

test("says what is missing, and follows no link", () => {
  const none = layOut({ type: "ccaas" });
  expect(none.run("build", none.source, none.metadata, none.output)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("no connection.json"),
  });
  symlinkSync("/etc/passwd", join(none.source, "connection.json"));
  expect(none.run("build", none.source, none.metadata, none.output).status).toBe(1);
  expect(none.run("release", none.output, none.release).status).toBe(1);
  expect(none.run("detect").status).toBe(2);
});
