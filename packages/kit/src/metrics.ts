import {
  collectDefaultMetrics,
  Counter as PromCounter,
  Gauge as PromGauge,
  Histogram as PromHistogram,
  Registry,
} from "prom-client";

/** Label values by label name. Values must come from small closed sets: never an id, a path or a caller's text. */
export type Labels = { readonly [name: string]: string };

export interface Counter {
  /** Adds `amount` (1 unless told, never negative). */
  add(labels?: Labels, amount?: number): void;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
}

export interface Histogram {
  /** Records one value in the metric's unit. */
  observe(value: number, labels?: Labels): void;
}

/** A registry of this process's metrics. A name is registered once and labels are declared; else it throws. */
export interface Metrics {
  counter(name: string, help: string, labelNames?: readonly string[]): Counter;
  gauge(name: string, help: string, labelNames?: readonly string[]): Gauge;
  /** `buckets` are upper bounds, rising; `+Inf` is added. */
  histogram(name: string, help: string, buckets: readonly number[], labelNames?: readonly string[]): Histogram;
  /** Prometheus text exposition. */
  render(): Promise<string>;
}

/** The content type that goes with `render`. */
export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

/** `hasProcessMetrics` adds memory, CPU and event-loop lag of the process; only for a program's one registry. */
export const createMetrics = ({ hasProcessMetrics = false }: { hasProcessMetrics?: boolean } = {}): Metrics => {
  const registry = new Registry();
  if (hasProcessMetrics) collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    counter: (name, help, labelNames = []) => {
      const metric = new PromCounter({ name, help, labelNames: [...labelNames], registers });
      return { add: (labels = {}, amount = 1) => metric.inc({ ...labels }, amount) };
    },
    gauge: (name, help, labelNames = []) => {
      const metric = new PromGauge({ name, help, labelNames: [...labelNames], registers });
      return { set: (value, labels = {}) => metric.set({ ...labels }, value) };
    },
    histogram: (name, help, buckets, labelNames = []) => {
      const metric = new PromHistogram({ name, help, buckets: [...buckets], labelNames: [...labelNames], registers });
      return { observe: (value, labels = {}) => metric.observe({ ...labels }, value) };
    },
    render: () => registry.metrics(),
  };
};
