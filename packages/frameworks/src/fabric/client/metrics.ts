import { exchangeText } from "../../http-exchange.ts";

const maxAnswerBytes = 16_777_216;

export interface Sample {
  labels: { readonly [name: string]: string };
  value: number;
}

/** Samples by the name of the metric. */
export type Metrics = ReadonlyMap<string, readonly Sample[]>;

const unquote = (text: string): string => text.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));

/**
 * The wanted metrics out of Prometheus' text format; everything else is passed over unread. A line that can't be read
 * is left out.
 */
export const parseMetrics = (text: string, wanted: ReadonlySet<string>): Metrics => {
  const found = new Map<string, Sample[]>();
  for (const line of text.split("\n")) {
    const name = /^[A-Za-z_:][A-Za-z0-9_:]*/.exec(line)?.[0];
    if (name === undefined || !wanted.has(name)) continue;
    const match = /^(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$/.exec(line.slice(name.length));
    const value = Number(match?.[2]);
    if (match === null || Number.isNaN(value)) continue;
    const labels: { [label: string]: string } = {};
    for (const [, label = "", quoted = ""] of (match[1] ?? "").matchAll(
      /([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"/g,
    ))
      labels[label] = unquote(quoted);
    const list = found.get(name) ?? [];
    list.push({ labels, value });
    found.set(name, list);
  }
  return found;
};

/** The text of a node's `/metrics` over a kept connection. Throws when there is none, or it is no 200. */
export const readMetrics = (input: {
  host: string;
  port: number;
  timeoutMs: number;
  signal: AbortSignal;
}): Promise<string> => exchangeText({ ...input, path: "/metrics", maxBytes: maxAnswerBytes });
