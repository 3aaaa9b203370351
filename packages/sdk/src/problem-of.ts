import { problem } from "@portolan/contract";
import { PortolanError } from "./portolan-error.ts";

const standard = new Set(["type", "title", "status", "detail", "code", "hint", "requestId", "errors"]);

const loose = problem.partial().extend({ code: problem.shape.requestId.optional() });

/** `Retry-After` as milliseconds; undefined when it is absent or no number of seconds or date. */
export const retryAfterMs = (header: string | null, now: number): number | undefined => {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
};

/** The error of an answer that is not a success. A newer server's unknown code is kept as it is. */
export const toPortolanError = (status: number, text: string, headers: Headers, now: number): PortolanError => {
  const wait = retryAfterMs(headers.get("retry-after"), now);
  const parsed = loose.safeParse(parseJson(text));
  if (!parsed.success || parsed.data.code === undefined) {
    return new PortolanError({
      status,
      code: `http.${status}`,
      message: `The server answered ${status} without saying why.`,
      requestId: headers.get("x-request-id") ?? undefined,
      retryAfterMs: wait,
    });
  }
  const { detail, title, code, hint, requestId, errors, ...rest } = parsed.data;
  return new PortolanError({
    status,
    code,
    message: detail ?? title ?? code,
    hint,
    requestId,
    errors,
    retryAfterMs: wait,
    meta: Object.fromEntries(Object.entries(rest).filter(([name]) => !standard.has(name))),
  });
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
