import { maxDepth, skipObject, skipSpace, skipValue } from "./json-scan.ts";

/** What stands in one JSON-RPC request object, by position in the text. */
export interface RpcCall {
  /** The raw id, or `null` for a notification. */
  id: string | null;
  /** Absent or not a string: `null`. */
  method: string | null;
  /** The raw parameters; empty when absent. */
  params: string;
  /** Something the JSON-RPC 2.0 specification forbids: why. */
  fault: string | null;
  /**
   * It may be forwarded as it stands: the four known members, each once and plainly spelt, and an id that every node
   * echoes unchanged. Anything else is written anew, because readers differ on duplicates, case and big numbers.
   */
  isPlain: boolean;
}

export type RpcBody =
  | { kind: "single"; call: RpcCall }
  | { kind: "batch"; calls: readonly RpcCall[] }
  /** No JSON. */
  | { kind: "malformed" }
  /** JSON, but neither an object nor an array. */
  | { kind: "other" };

const maxMethodLength = 128;
/** Ids that survive every node's number and string types. */
const plainId = /^(?:0|[1-9]\d{0,14}|"[\w .:/+=-]{0,64}")$/;

const faultOf = (call: RpcCall, version: string | null, duplicate: boolean): string | null => {
  if (duplicate) return "A member is given more than once.";
  if (version !== '"2.0"') return 'The member "jsonrpc" must be "2.0".';
  if (call.method === null) return 'The member "method" must be a string.';
  if (call.method.length > maxMethodLength) return 'The member "method" is too long.';
  const first = call.params.charCodeAt(0);
  if (call.params !== "" && first !== 91 && first !== 123 && call.params !== "null") {
    return 'The member "params" must be an array or an object.';
  }
  return null;
};

const isScalarId = (raw: string): boolean => {
  const code = raw.charCodeAt(0);
  return code !== 123 && code !== 91 && code !== 116 && code !== 102;
};

const readCall = (text: string, start: number): { call: RpcCall; end: number } | null => {
  const call: RpcCall = { id: null, method: null, params: "", fault: null, isPlain: true };
  let version: string | null = null;
  let hasMethod = false;
  let hasParams = false;
  let hasForbiddenId = false;
  let isDuplicate = false;
  const end = skipObject(text, start, maxDepth - 1, (keyStart, keyEnd, valueStart, valueEnd) => {
    let key = text.slice(keyStart + 1, keyEnd - 1);
    if (key.includes("\\")) {
      call.isPlain = false;
      key = JSON.parse(text.slice(keyStart, keyEnd)) as string;
    }
    if (key === "jsonrpc") {
      if (version !== null) isDuplicate = true;
      version = text.slice(valueStart, valueEnd);
      if (version.includes("\\")) version = JSON.stringify(JSON.parse(version));
    } else if (key === "id") {
      if (call.id !== null || hasForbiddenId) isDuplicate = true;
      const raw = text.slice(valueStart, valueEnd);
      if (isScalarId(raw)) call.id = raw;
      else hasForbiddenId = true;
    } else if (key === "method") {
      if (hasMethod) isDuplicate = true;
      hasMethod = true;
      if (text.charCodeAt(valueStart) === 34) {
        call.method = text.slice(valueStart + 1, valueEnd - 1);
        if (call.method.includes("\\")) {
          call.isPlain = false;
          call.method = JSON.parse(text.slice(valueStart, valueEnd)) as string;
        }
      }
    } else if (key === "params") {
      if (hasParams) isDuplicate = true;
      hasParams = true;
      call.params = text.slice(valueStart, valueEnd);
    } else {
      call.isPlain = false;
    }
  });
  if (end === -1) return null;
  call.fault = hasForbiddenId
    ? 'The member "id" must be a string, a number or null.'
    : faultOf(call, version, isDuplicate);
  if (call.id === null || !plainId.test(call.id)) call.isPlain = false;
  return { call, end };
};

const noCall: RpcCall = {
  id: null,
  method: null,
  params: "",
  fault: "A request must be an object.",
  isPlain: false,
};

const readBatch = (text: string, start: number, maxItems: number): RpcBody => {
  const calls: RpcCall[] = [];
  let at = skipSpace(text, start + 1);
  if (text.charCodeAt(at) === 93)
    return skipSpace(text, at + 1) === text.length ? { kind: "batch", calls } : { kind: "malformed" };
  for (;;) {
    if (text.charCodeAt(at) === 123 && calls.length <= maxItems) {
      const item = readCall(text, at);
      if (item === null) return { kind: "malformed" };
      calls.push(item.call);
      at = item.end;
    } else {
      // Beyond the bound the batch is refused whole: only its form still matters.
      at = skipValue(text, at, maxDepth - 1);
      if (at === -1) return { kind: "malformed" };
      if (calls.length <= maxItems) calls.push(noCall);
    }
    at = skipSpace(text, at);
    const code = text.charCodeAt(at);
    if (code === 93) return skipSpace(text, at + 1) === text.length ? { kind: "batch", calls } : { kind: "malformed" };
    if (code !== 44) return { kind: "malformed" };
    at = skipSpace(text, at + 1);
  }
};

/** Reads a request body (latin1 text of its bytes). At most `maxItems + 1` calls of a batch are told apart. */
export const readRpcBody = (text: string, maxItems: number): RpcBody => {
  const start = skipSpace(text, 0);
  const code = text.charCodeAt(start);
  if (code === 123) {
    const item = readCall(text, start);
    return item === null || skipSpace(text, item.end) !== text.length
      ? { kind: "malformed" }
      : { kind: "single", call: item.call };
  }
  if (code === 91) return readBatch(text, start, maxItems);
  const end = skipValue(text, start);
  return end === -1 || skipSpace(text, end) !== text.length ? { kind: "malformed" } : { kind: "other" };
};

/** A call as it goes to the node when it can't go as it stands, under our own id. */
export const writeCall = (call: RpcCall, id: number): string =>
  `{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(call.method)}${call.params === "" ? "" : `,"params":${call.params}`}}`;
