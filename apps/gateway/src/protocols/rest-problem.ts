import { errorStatus } from "@portolan/contract";
import { DomainError } from "@portolan/domain";
import { GrpcFailure } from "@portolan/frameworks";
import { type Refusal, refusals } from "../pipeline/refusal.ts";
import { grpcStatus } from "./grpc-status.ts";

/** RFC 9457, as the API answers. */
export interface Problem {
  status: number;
  code: string;
  detail: string;
  hint?: string;
  retryAfterSeconds?: number;
  meta?: { readonly [key: string]: string };
}

const bySyntheticCode: { readonly [code: string]: number } = { "method.denied": 403, "method.bound": 422 };

/** A refusal of the pipeline; one that JSON-RPC would answer with 200 has a status of its own here. */
export const toProblem = ({ status, code, message, hint, retryAfterSeconds }: Refusal): Problem => ({
  status: status === 200 ? (bySyntheticCode[code] ?? 400) : status,
  code,
  detail: message,
  hint,
  ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
});

/** What a handler threw; `null`: it is nobody's to read. */
export const errorToProblem = (error: unknown): Problem | null => {
  if (error instanceof DomainError) {
    const { code, message, hint, meta } = error;
    return {
      status: errorStatus[code],
      code,
      detail: message,
      ...(hint === undefined ? {} : { hint }),
      ...(meta === undefined ? {} : { meta }),
    };
  }
  if (error instanceof GrpcFailure)
    return toProblem(error.status === grpcStatus.deadlineExceeded ? refusals.timeout : refusals.unhealthy);
  return null;
};

export const renderProblem = ({ status, code, detail, hint, meta }: Problem, requestId: string): string =>
  JSON.stringify({
    // As the API names them.
    type: `urn:portolan:error:${code}`,
    title: code,
    status,
    detail,
    code,
    ...(hint === undefined ? {} : { hint }),
    ...meta,
    requestId,
  });
