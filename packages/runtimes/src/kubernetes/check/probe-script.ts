/** What `probeScript` is told, as JSON, by its one argument. */
export interface ProbeTask {
  /** Name → host and port to dial. */
  targets: { readonly [name: string]: readonly [host: string, port: number] };
  /** Name → whether it should connect. */
  wanted: { readonly [name: string]: boolean };
  patienceMs: number;
  nameToAsk?: string;
  /** A directory to write to. */
  volume?: string;
}

/**
 * What a trial's pods run (`node -e`): it listens on two ports, and dials its targets until the answers are as wanted
 * three times in a row, or time is up. Then it writes one line, `RESULT` and JSON, and stays.
 */
export const probeScript = `
const net = require("node:net"), dns = require("node:dns").promises, fs = require("node:fs");
const { targets, wanted, patienceMs, nameToAsk, volume } = JSON.parse(process.argv[1]);
for (const port of [8080, 8081]) net.createServer((socket) => socket.on("error", () => {}).end()).listen(port, "0.0.0.0");
const dial = ([host, port]) => new Promise((resolve) => {
  const socket = net.connect({ host, port, timeout: 2000 });
  const end = (value) => { socket.destroy(); resolve(value); };
  socket.once("connect", () => end(true)).once("timeout", () => end(false)).once("error", () => end(false));
});
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const look = async () => Object.fromEntries(await Promise.all(Object.entries(targets).map(async ([name, at]) => [name, await dial(at)])));
(async () => {
  const endsAt = Date.now() + patienceMs;
  let seen = {}, calm = 0;
  while (calm < 3 && Date.now() < endsAt) {
    seen = await look();
    calm = Object.entries(wanted).every(([name, value]) => seen[name] === value) ? calm + 1 : 0;
    await sleep(300);
  }
  const named = nameToAsk === undefined ? null : await Promise.race([dns.lookup(nameToAsk).then(() => true, () => false), sleep(5000).then(() => false)]);
  let written = null;
  if (volume !== undefined) try { fs.writeFileSync(volume + "/trial", "x"); written = true; } catch { written = false; }
  console.log("RESULT " + JSON.stringify({ seen, named, written }));
})();
process.on("SIGTERM", () => process.exit(0));
`;
