/**
 * What the gateway says instead of forwarding. JSON-RPC codes are the ecosystem's (EIP-1474: -32001 not found, -32002
 * unavailable, -32004 not supported, -32005 limit exceeded); ours is `code`, in the error's `data`.
 */
export interface Refusal {
  /** HTTP status of a single call; a batch that is judged by item answers 200. */
  status: number;
  rpcCode: number;
  code: string;
  message: string;
  hint: string;
  retryAfterSeconds?: number;
  /** Time of reset, with 429. */
  limit?: { unitsPerSecond: number; burstSeconds: number; resetAt: string };
}

const refusal = (status: number, rpcCode: number, code: string, message: string, hint: string): Refusal => ({
  status,
  rpcCode,
  code,
  message,
  hint,
});

const later = (found: Refusal, retryAfterSeconds: number): Refusal => ({ ...found, retryAfterSeconds });

/** The gateway's error table. */
export const refusals = {
  keyMissing: refusal(
    401,
    -32000,
    "credential.missing",
    "A key is needed.",
    "Send the app's key as x-api-key, as Authorization: Bearer, or as the last part of the URL.",
  ),
  keyInvalid: refusal(
    401,
    -32000,
    "credential.invalid",
    "The key is not known.",
    "Check the key, or make a new one for the app.",
  ),
  keyIsServiceAccount: refusal(
    401,
    -32000,
    "credential.invalid",
    "The key is not known.",
    "What begins with pts_ is a service account's key, for the API. Calls take an app's key, which begins with ptl_.",
  ),
  keyIsRefreshToken: refusal(
    401,
    -32000,
    "credential.invalid",
    "The key is not known.",
    "What begins with ptr_ is a session's refresh token, for the API. Calls take an app's key, which begins with ptl_.",
  ),
  keyIsSessionToken: refusal(
    401,
    -32000,
    "credential.invalid",
    "The key is not known.",
    "This looks like a session's access token, which is for the API. Calls take an app's key, which begins with ptl_.",
  ),
  keyExpired: refusal(401, -32000, "credential.expired", "The key has expired.", "Make a new key for the app."),
  suspended: refusal(
    402,
    -32002,
    "app.suspended",
    "The app is suspended.",
    "Check the balance and budget of the tenant; calls go on as soon as the app is active again.",
  ),
  appClosed: refusal(402, -32002, "app.closed", "The app is closed.", "Use a key of another app."),
  chainUnknown: refusal(
    404,
    -32001,
    "resource.not_found",
    "There is no such chain.",
    "Check the chain's id, and that the key belongs to the chain's app.",
  ),
  chainDeleted: refusal(410, -32001, "chain.deleted", "The chain was deleted.", "Make a new chain."),
  chainRestorable: refusal(
    410,
    -32001,
    "chain.deleted",
    "The chain was deleted.",
    "Until its purgeAt (GET /v1/chains/{chain}) POST /v1/chains/{chain}/restore brings it back.",
  ),
  pathUnknown: refusal(
    404,
    -32001,
    "resource.not_found",
    "There is nothing at this path.",
    "Send POST to /{chain} or /{chain}/{key}.",
  ),
  protocolMissing: refusal(
    404,
    -32001,
    "resource.not_found",
    "The chain is not called in this way.",
    "The framework's page says how its chains are called.",
  ),
  methodNotPost: refusal(
    405,
    -32600,
    "request.invalid",
    "JSON-RPC is sent with POST.",
    "Send the call as the body of a POST request.",
  ),
  methodWrong: refusal(
    405,
    -32600,
    "request.invalid",
    "The path is there, for another method.",
    "The framework's page lists the paths with their methods.",
  ),
  notJson: refusal(400, -32600, "request.invalid", "The body is not JSON.", "Send one JSON object."),
  idempotencyKeyInvalid: refusal(
    400,
    -32600,
    "request.invalid",
    "The Idempotency-Key is not usable.",
    "Use up to 255 visible ASCII characters.",
  ),
  webSocket: refusal(
    426,
    -32600,
    "request.invalid",
    "WebSocket is not offered yet.",
    "Send the calls over HTTP with POST, on the same URL.",
  ),
  tooLarge: refusal(
    413,
    -32600,
    "request.too_large",
    "The request is too large.",
    "Send fewer or smaller calls at once.",
  ),
  metadataTooLarge: refusal(
    413,
    -32600,
    "request.too_large",
    "The metadata is too large.",
    "Send nothing but the key.",
  ),
  serverNameUnknown: refusal(
    404,
    -32001,
    "resource.not_found",
    "The server name is none of a chain.",
    "Connect with the chain's own name: its connection profile has it.",
  ),
  tooManyCalls: later(
    refusal(429, -32005, "request.rate_limited", "The key has too many calls at once.", "End some of them first."),
    1,
  ),
  slowReader: refusal(
    503,
    -32002,
    "stream.stalled",
    "The stream was not read for too long.",
    "Open it again from the last block that was read.",
  ),
  batchTooLong: refusal(413, -32600, "request.too_large", "The batch has too many calls.", "Split the batch."),
  starting: later(
    refusal(503, -32002, "chain.starting", "The chain is starting.", "Its operation tells how far it is."),
    2,
  ),
  paused: later(
    refusal(503, -32002, "chain.paused", "The chain is paused.", "Resume it with POST /v1/chains/{chain}/resume."),
    60,
  ),
  asleep: later(
    refusal(503, -32002, "chain.asleep", "The chain is asleep; this call wakes it.", "Send it again in a moment."),
    1,
  ),
  unhealthy: later(
    refusal(
      503,
      -32002,
      "node.unhealthy",
      "The chain's node is not healthy.",
      "It is being looked at; send the call again in a moment.",
    ),
    2,
  ),
  unreachable: later(
    refusal(
      503,
      -32002,
      "node.unhealthy",
      "The connection to the chain's node broke.",
      "Nothing was billed. The node may have carried the call out: look before sending a transaction again.",
    ),
    2,
  ),
  badAnswer: later(
    refusal(
      503,
      -32603,
      "node.bad_answer",
      "The chain's node gave no usable answer.",
      "Nothing was billed. Look before sending a transaction again.",
    ),
    2,
  ),
  answerTooLarge: refusal(
    503,
    -32603,
    "node.answer_too_large",
    "The node's answer is too large.",
    "Ask for less at once. Nothing was billed.",
  ),
  timeout: refusal(
    504,
    -32002,
    "node.timeout",
    "The chain's node did not answer in time.",
    "Nothing was billed. The node may still carry the call out: look before sending a transaction again.",
  ),
  busy: later(
    refusal(503, -32005, "node.busy", "Too many calls are waiting for the chain's node.", "Send fewer calls at once."),
    1,
  ),
  unmetered: later(
    refusal(
      503,
      -32603,
      "metering.unavailable",
      "Usage can't be recorded at the moment, so calls are not served.",
      "Nothing was billed. Send the call again later; look before sending a transaction again.",
    ),
    5,
  ),
  internal: refusal(500, -32603, "internal", "The gateway failed.", "Report the request id."),
  draining: later(
    refusal(503, -32002, "unavailable", "The gateway is stopping.", "Send the call again in a moment."),
    1,
  ),
  originRefused: refusal(
    403,
    -32004,
    "permission.denied",
    "The key is not for this origin.",
    "Add the page's origin to the key's list.",
  ),
  addressRefused: refusal(
    403,
    -32004,
    "permission.denied",
    "The key is not for this network address.",
    "Add the caller's address to the key's list.",
  ),
  keyMethodRefused: refusal(
    403,
    -32004,
    "permission.denied",
    "The key is not for this method.",
    "Add the method to the key's list.",
  ),
  malformed: refusal(
    400,
    -32700,
    "request.invalid",
    "The body is not JSON.",
    "Send one JSON-RPC 2.0 request, or an array of them; nesting is limited.",
  ),
  notRequest: refusal(
    200,
    -32600,
    "request.invalid",
    "The body is not a JSON-RPC request.",
    "Send one JSON-RPC 2.0 request, or an array of them.",
  ),
  emptyBatch: refusal(200, -32600, "request.invalid", "The batch is empty.", "Send at least one request."),
  busySnapshots: refusal(
    200,
    -32005,
    "method.bound",
    "The chain has too many snapshots.",
    "Revert to an older one first.",
  ),
  busyStateLoad: later(
    refusal(
      200,
      -32005,
      "method.bound",
      "The chain loads one state at a time, and rests in between.",
      "Send it again when the last one is answered, or a second later.",
    ),
    1,
  ),
} as const satisfies { readonly [name: string]: Refusal };

export const keyMethodRefusal: Refusal = refusals.keyMethodRefused;

export const invalidRequest = (message: string): Refusal =>
  refusal(200, -32600, "request.invalid", message, "See the JSON-RPC 2.0 specification.");

/** What can't be read as a request at all, of a protocol that has HTTP's own statuses. */
export const malformedRequest = (message: string, hint: string): Refusal =>
  refusal(400, -32600, "request.invalid", message, hint);

/** Nothing is there on a chain that has paths of its own. */
export const pathUnknownOf = (framework: string): Refusal => ({
  ...refusals.pathUnknown,
  hint: `docs/frameworks/${framework}.md leads to the paths that its chains have.`,
});

/** What is refused before there is a request to look at. */
export const refusedHttp = (status: number, message: string): Refusal =>
  refusal(status, -32600, "request.invalid", message, "Send an ordinary HTTP/1.1 POST with a JSON body.");

/** `hint`: the policy's own; without one, the page of the framework, which is named by its slug. */
export const methodDenied = ({ reason, hint }: { reason: string; hint?: string }, framework: string): Refusal =>
  refusal(
    200,
    -32601,
    "method.denied",
    `The method is not offered: ${reason}.`,
    hint ?? `docs/frameworks/${framework}.md lists the methods that each plan offers.`,
  );

export const scopeMissing = (scope: string): Refusal =>
  refusal(
    403,
    -32004,
    "permission.denied",
    `The key has not the scope ${scope}.`,
    `Make a key with the scope ${scope}.`,
  );

export const outOfBounds = (found: { message: string; hint: string }): Refusal =>
  refusal(200, -32602, "method.bound", found.message, found.hint);

export const rateLimited = (
  waitMs: number,
  nowMs: number,
  limits: { unitsPerSecond: number; burstSeconds: number },
): Refusal => ({
  ...refusal(
    429,
    -32005,
    "request.rate_limited",
    "The key's rate is used up.",
    "Wait until the time of reset, or spread the calls.",
  ),
  retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)),
  limit: { ...limits, resetAt: new Date(nowMs + waitMs).toISOString() },
});

/** The JSON-RPC error as text; `id` is raw JSON. */
export const renderRefusal = (found: Refusal, id: string, requestId: string): string => {
  const { rpcCode, code, message, hint, retryAfterSeconds, limit } = found;
  const data = {
    code,
    hint,
    requestId,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    ...(limit === undefined ? {} : { resetAt: limit.resetAt }),
  };
  return `{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify({ code: rpcCode, message, data })}}`;
};

/** Headers that go with a refusal of the whole request, as a flat list. */
export const refusalHeaders = ({ retryAfterSeconds, limit }: Refusal): string[] => {
  const headers: string[] = [];
  if (retryAfterSeconds !== undefined) headers.push("Retry-After", String(retryAfterSeconds));
  if (limit !== undefined) {
    headers.push("RateLimit-Policy", `"key";q=${limit.unitsPerSecond * limit.burstSeconds};w=${limit.burstSeconds}`);
    headers.push("RateLimit", `"key";r=0;t=${retryAfterSeconds ?? 1}`);
  }
  return headers;
};
