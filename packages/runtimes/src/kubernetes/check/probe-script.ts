/**
 * What a trial's pods run (`node -e`): it listens on two ports, and dials what TARGETS (JSON, name → [host, port]) names
 * until the answers are as WANTED (JSON, name → whether it should connect) three times in a row, or time is up. Then it
 * writes one line of JSON, name → whether it connected, and stays.
 */
export const probeScript = `
const net = require("node:net"), dns = require("node:dns").promises, fs = require("node:fs");
const targets = JSON.parse(process.env.TARGETS), wanted = JSON.parse(process.env.WANTED);
for (const port of [8080, 8081]) net.createServer((socket) => socket.on("error", () => {}).end()).listen(port, "0.0.0.0");
const dial = ([host, port]) => new Promise((resolve) => {
  const socket = net.connect({ host, port, timeout: 2000 });
  const end = (value) => { socket.destroy(); resolve(value); };
  socket.once("connect", () => end(true)).once("timeout", () => end(false)).once("error", () => end(false));
});
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const look = async () => Object.fromEntries(await Promise.all(Object.entries(targets).map(async ([name, at]) => [name, await dial(at)])));
(async () => {
  const endsAt = Date.now() + Number(process.env.PATIENCE_MS);
  let seen = {}, calm = 0;
  while (calm < 3 && Date.now() < endsAt) {
    seen = await look();
    calm = Object.entries(wanted).every(([name, value]) => seen[name] === value) ? calm + 1 : 0;
    await sleep(300);
  }
  const named = process.env.NAME_TO_ASK === "" ? null : await Promise.race([dns.lookup(process.env.NAME_TO_ASK).then(() => true, () => false), sleep(5000).then(() => false)]);
  let written = null;
  if (process.env.VOLUME !== "") try { fs.writeFileSync(process.env.VOLUME + "/trial", "x"); written = true; } catch { written = false; }
  console.log("RESULT " + JSON.stringify({ seen, named, written }));
})();
process.on("SIGTERM", () => process.exit(0));
`;
