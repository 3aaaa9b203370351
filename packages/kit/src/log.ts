import { type DestinationStream, type LoggerOptions, pino } from "pino";
import { redact, redactFields } from "./redact.ts";

/** As pino has it: `log.info("text")` or `log.info({ chainId }, "text")`; an error goes in as `{ err }`. */
export interface LogMethod {
  (fields: object, message?: string): void;
  (message: string): void;
}

/** What a module that logs asks for. */
export interface Logger {
  debug: LogMethod;
  info: LogMethod;
  warn: LogMethod;
  error: LogMethod;
  child(bindings: Record<string, unknown>): Logger;
}

/** What a server framework asks for besides (`loggerInstance` of Fastify). */
export interface ServerLogger extends Logger {
  level: string;
  trace: LogMethod;
  fatal: LogMethod;
  silent: LogMethod;
  child(bindings: Record<string, unknown>): ServerLogger;
}

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

/** Takes whole lines. `process.stdout` and `process.stderr` are such. */
export interface LogDestination {
  write(line: string): unknown;
  readonly isTTY?: boolean;
}

export interface LoggerSettings {
  name: string;
  level?: LogLevel;
  /** Standard output unless told. On a terminal lines are for people, elsewhere JSON. */
  destination?: LogDestination;
}

const reserved = new Set(["level", "time", "name", "msg", "pid", "hostname", "err"]);

const toReadableLine = (line: string): string => {
  const record: unknown = JSON.parse(line);
  if (typeof record !== "object" || record === null) return line;
  const field = (name: string): unknown => (name in record ? record[name as keyof typeof record] : undefined);
  const rest = Object.entries(record)
    .filter(([name]) => !reserved.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const err = field("err");
  if (typeof err === "object" && err !== null && "message" in err) rest.push(`error=${JSON.stringify(err.message)}`);
  const time = String(field("time")).slice(11, 19);
  const text = [time, String(field("level")).toUpperCase().padEnd(5), `${field("name")}:`, field("msg") ?? "", ...rest];
  return `${text.join(" ").replaceAll("\n", " ⏎ ")}\n`;
};

const toStream = (destination: LogDestination): DestinationStream => ({
  // The last gate: whatever a serializer, a child's binding or an error's stack put into the line passes here.
  write: (line) => {
    const clean = redact(line);
    destination.write(destination.isTTY ? toReadableLine(clean) : clean);
  },
});

/** A structured logger whose every line has passed `redact`. */
export const createLogger = ({ name, level = "info", destination = process.stdout }: LoggerSettings): ServerLogger => {
  const options: LoggerOptions = {
    name,
    level,
    base: { pid: process.pid },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: {
      level: (label) => ({ level: label }),
      log: (fields) => redactFields(fields) as Record<string, unknown>,
      bindings: (bindings) => redactFields(bindings) as Record<string, unknown>,
    },
  };
  return pino(options, toStream(destination));
};

/** For tests and for callers that have nobody to tell. */
export const silentLogger: ServerLogger = createLogger({
  name: "silent",
  level: "silent",
  destination: { write: () => undefined },
});
