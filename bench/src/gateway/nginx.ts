import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const common = (dir: string, name: string, workers: number, server: string): string => `
daemon off; worker_processes ${workers}; pid ${dir}/${name}.pid; error_log ${dir}/${name}.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_timeout 3600s; keepalive_requests 1000000000; client_header_timeout 3600s; tcp_nodelay on;
  client_body_temp_path ${dir}/${name}-body; proxy_temp_path ${dir}/${name}-proxy; fastcgi_temp_path ${dir}/${name}-f;
  uwsgi_temp_path ${dir}/${name}-u; scgi_temp_path ${dir}/${name}-s;
  ${server}
}
`;

/** The node's place: always the same JSON-RPC answer, from memory. */
export const backendConfig = (dir: string, port: number): string =>
  common(
    dir,
    "backend",
    1,
    `server { listen 127.0.0.1:${port} backlog=4096; location / {
      default_type application/json; return 200 '{"jsonrpc":"2.0","id":1,"result":"0x1234567"}'; } }`,
  );

/** The baseline: nginx as a plain reverse proxy with keep-alive to the backend. */
export const proxyConfig = (dir: string, port: number, backendPort: number): string =>
  common(
    dir,
    "proxy",
    1,
    `upstream node { server 127.0.0.1:${backendPort}; keepalive 128; keepalive_requests 1000000000; keepalive_timeout 3600s; }
     server { listen 127.0.0.1:${port} backlog=4096; location / {
      proxy_pass http://node; proxy_http_version 1.1; proxy_set_header Connection ""; } }`,
  );

export const startNginx = (dir: string, name: string, config: string, core: number): ChildProcess => {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, `${name}.conf`);
  writeFileSync(file, config);
  return spawn("taskset", ["-c", String(core), "nginx", "-c", file, "-p", dir], {
    stdio: ["ignore", "ignore", "inherit"],
  });
};
