import type { IncomingHttpHeaders } from "node:http2";
import type { Meter } from "@portolan/metering";
import type { Grant } from "../edge/entries.ts";
import { type Admission, type Caller, isGrant, secretOf } from "../pipeline/admission.ts";
import { isRefusal } from "../pipeline/grant.ts";
import { takeRate } from "../pipeline/rate.ts";
import { invalidRequest, type Refusal, refusals } from "../pipeline/refusal.ts";
import type { RequestLog } from "../pipeline/request-log.ts";
import { createTransfers } from "../pipeline/transfer.ts";
import type { AdmittedCall } from "./grpc-call.ts";
import { parseGrpcName } from "./grpc-name.ts";
import { parseTimeout, toGrpcStatus } from "./grpc-status.ts";

export interface GrpcConnection {
  serverName: string;
  address: string;
  /** Decides which of several nodes its calls go to. */
  ordinal: number;
}

export interface Admitted {
  grant: Grant;
  caller: Caller;
  call: Omit<AdmittedCall, "stream" | "onOver">;
  isStream: boolean;
}

export interface GrpcAdmissionDeps {
  admission: Pick<Admission, "admit">;
  meter: Pick<Meter, "series">;
  requests: Pick<RequestLog, "add">;
  domain: string;
  metadataBytes: number;
  streamMs: number;
  /** Whether the key may have one more call at once. */
  hasRoom(keyId: string, isStream: boolean): boolean;
}

export const grpcProtocolName = "grpc";

const metadataBytesOf = (headers: IncomingHttpHeaders): number => {
  let sum = 0;
  for (const [name, value] of Object.entries(headers))
    sum += name.length + (Array.isArray(value) ? value.join(",").length : (value?.length ?? 0)) + 32;
  return sum;
};

const rotated = <Item>(items: readonly Item[], by: number): readonly Item[] => {
  const start = items.length === 0 ? 0 : by % items.length;
  return start === 0 ? items : [...items.slice(start), ...items.slice(0, start)];
};

/** From a call's headers to what it may do, or why not. No I/O. */
export const createGrpcAdmission = (deps: GrpcAdmissionDeps) => {
  const { admission, meter, requests, domain, metadataBytes, streamMs, hasRoom } = deps;
  const transferOf = createTransfers(meter);

  /** Everything between the headers and the first byte of the body. */
  return (headers: IncomingHttpHeaders, connection: GrpcConnection, startedMs: number): Admitted | Refusal => {
    if (metadataBytesOf(headers) > metadataBytes) return refusals.metadataTooLarge;
    const name = parseGrpcName(connection.serverName, domain);
    if (name === null) return refusals.serverNameUnknown;
    const caller: Caller = { secret: secretOf(headers, undefined), origin: undefined, address: connection.address };
    const grant = admission.admit(grpcProtocolName, name.chainId, caller);
    if (!isGrant(grant)) return grant;
    const { grpc } = grant.protocol;
    if (grpc === undefined) return refusals.chainUnknown;
    const path = headers[":path"] ?? "";
    const method = grant.method(path.slice(1));
    const refused = (found: Refusal): Refusal => {
      requests.add(grant, path.slice(1), "refused", toGrpcStatus(found), startedMs);
      return found;
    };
    if (isRefusal(method)) return refused(method);
    const timeoutMs = parseTimeout(headers["grpc-timeout"] as string | undefined);
    if (timeoutMs === null) return refused(invalidRequest("The deadline is malformed."));
    const encoding = headers["grpc-encoding"];
    if (encoding !== undefined && encoding !== "identity")
      return refused(invalidRequest("Compressed messages are not taken."));
    const limited = takeRate(grant, method.weight, startedMs);
    if (limited !== null) return refused(limited);
    const keyId = grant.key.key.id;
    const isStream = grpc.isStream(method.method);
    if (!hasRoom(keyId, isStream)) return refused(refusals.tooManyCalls);
    const roots = grant.route.route.facts[grpc.rootsFact];
    const all = grant.route.route.targets[grpcProtocolName] ?? [];
    const { label } = name;
    const chosen = label === undefined ? all : all.filter((target) => grpc.selects?.(label, target) === true);
    if (chosen.length === 0 && all.length > 0) return refused(refusals.serverNameUnknown);
    if (chosen.length === 0 || roots === undefined) return refused(refusals.unhealthy);
    return {
      grant,
      caller,
      isStream,
      call: {
        grant,
        method,
        path,
        check: (message) => grpc.check?.(method.method, message) ?? null,
        targets: rotated(chosen, connection.ordinal),
        roots,
        maxRequestBytes: grant.policy.maxBodyBytes,
        maxAnswerBytes: grpc.maxAnswerBytes,
        transfer: transferOf(grant, method.method),
        startedMs,
        deadlineMs: startedMs + Math.min(timeoutMs, isStream ? streamMs : grant.policy.timeoutMs),
      },
    };
  };
};
