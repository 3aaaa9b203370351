/**
 * The program of the suite, as an asset: plain JavaScript for Node. `serve <port> <directory> <name> <host>` answers HTTP and
 * leaves a line for each start; `append <file> <line>` and `fail` are init commands and jobs.
 */
export const echoServer = `
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const [, , command, ...rest] = process.argv;
const now = () => String(process.hrtime.bigint());
if (command === "append") {
  fs.appendFileSync(rest[0], rest[1] + "\\n");
} else if (command === "fail") {
  console.error("this can not work");
  process.exit(3);
} else {
  const [port, directory, name, host] = rest;
  fs.appendFileSync(path.join(directory, "events"), "start " + name + " " + now() + "\\n");
  console.log("started " + name);
  const run = now();
  const stop = (signal) => {
    fs.appendFileSync(path.join(directory, "events"), "stop " + name + " " + signal + "\\n");
    process.exit(0);
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  const list = (root) =>
    fs.readdirSync(root, { recursive: true, withFileTypes: true }).map((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      const isDirectory = entry.isDirectory();
      return {
        path: path.relative(root, file),
        mode: fs.statSync(file).mode & 0o777,
        ...(isDirectory ? {} : { text: fs.readFileSync(file, "utf8") }),
      };
    });
  const answer = (request) => {
    const url = new URL(request.url, "http://node");
    const file = url.searchParams.get("file");
    if (file !== null) return fs.readFileSync(path.join(directory, file), "utf8");
    if (url.pathname === "/die") setTimeout(() => process.exit(7), 1);
    if (url.pathname === "/say") console.log(url.searchParams.get("line"));
    return JSON.stringify({
      name,
      pid: process.pid,
      run,
      uid: process.getuid ? process.getuid() : null,
      secretEnv: process.env.ECHO_SECRET,
      secretFile: process.env.ECHO_SECRET_FILE ? fs.readFileSync(process.env.ECHO_SECRET_FILE, "utf8") : undefined,
      secretMode: process.env.ECHO_SECRET_FILE ? fs.statSync(process.env.ECHO_SECRET_FILE).mode & 0o777 : undefined,
      files: process.env.ECHO_FILES ? list(process.env.ECHO_FILES) : undefined,
      directory: process.env.ECHO_FILES,
      rootFiles: process.env.ECHO_ROOT ? fs.readdirSync(process.env.ECHO_ROOT).filter((name) => !name.startsWith(".")).sort() : undefined,
      environment: Object.keys(process.env),
    });
  };
  const server = http.createServer((request, response) => {
    try {
      response.end(answer(request));
    } catch (error) {
      response.statusCode = 500;
      response.end(String(error));
    }
  });
  setTimeout(() => server.listen(Number(port), host), Number(process.env.ECHO_DELAY_MS || 0));
}
`;
