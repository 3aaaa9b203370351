/**
 * What applications may not send through a peer's gateway. Messages are read on the wire, field by field, and not with
 * generated code: where a field stands twice, decoders differ (Go merges submessages, JavaScript takes the last), and
 * what is judged here must be whatever any of them could see.
 */

/** Chaincodes of the peers themselves: with them an administrator could change the network behind the plane's back. */
export const closedChaincodes = ["_lifecycle", "cscc", "lscc", "escc", "vscc"] as const;

/** Names that a peer keeps for its own chaincodes; no other can have one (F:core/chaincode/lifecycle/scc.go). */
export const isSystemChaincode = (name: string): boolean =>
  name === "qscc" || closedChaincodes.some((closed) => closed === name);

const marks = closedChaincodes.map((name) => Buffer.from(name));
const endorserTransaction = 3n;

interface WireField {
  number: number;
  /** Of a varint. */
  value: bigint;
  /** Of what has a length. */
  bytes: Uint8Array | null;
}

const readVarint = (message: Uint8Array, from: number): { value: bigint; end: number } => {
  let value = 0n;
  for (let index = 0; index < 10; index++) {
    const byte = message[from + index];
    if (byte === undefined) break;
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return { value, end: from + index + 1 };
  }
  throw new Error("not a varint");
};

/** Throws on what is no message; groups, which none of these messages has, count as such. */
function* fieldsOf(message: Uint8Array): Generator<WireField> {
  for (let at = 0; at < message.length; ) {
    const tag = readVarint(message, at);
    const number = Number(tag.value >> 3n);
    const type = Number(tag.value & 7n);
    if (type !== 0 && type !== 1 && type !== 2 && type !== 5) throw new Error("not a field");
    const head =
      type === 0 || type === 2 ? readVarint(message, tag.end) : { value: type === 1 ? 8n : 4n, end: tag.end };
    at = type === 0 ? head.end : head.end + Number(head.value);
    if (at > message.length) throw new Error("a field goes beyond the message");
    yield { number, value: head.value, bytes: type === 2 ? message.subarray(head.end, at) : null };
  }
}

/** Everything that stands at a path of field numbers, however often each of them is there. */
const at = (message: Uint8Array, ...path: readonly number[]): Uint8Array[] =>
  path.reduce<Uint8Array[]>(
    (found, number) =>
      found.flatMap((one) =>
        [...fieldsOf(one)].flatMap((field) => (field.number === number ? (field.bytes ?? []) : [])),
      ),
    [message],
  );

/** What the endorser runs is what the header names, where the gateway looks for endorsers is what the invocation names. */
const chaincodesOf = (request: Uint8Array): string[] =>
  // EvaluateRequest, EndorseRequest → SignedProposal → Proposal.
  at(request, 3, 1)
    .flatMap((proposal) => [
      // Header → ChannelHeader → ChaincodeHeaderExtension → ChaincodeID → name.
      ...at(proposal, 1, 1, 7, 2, 2),
      // ChaincodeProposalPayload → ChaincodeInvocationSpec → ChaincodeSpec → ChaincodeID → name.
      ...at(proposal, 2, 1, 1, 2, 2),
    ])
    .map((name) => Buffer.from(name).toString("utf8"));

const refuseChaincode = (request: Uint8Array): string | null => {
  const bytes = Buffer.from(request.buffer, request.byteOffset, request.byteLength);
  // Names stand in the message as they are, so that only what could be meant is decoded.
  if (!marks.some((mark) => bytes.includes(mark))) return null;
  try {
    const names = chaincodesOf(request);
    const found = closedChaincodes.find((closed) => names.includes(closed));
    return found === undefined ? null : `${found} is the plane's to call`;
  } catch {
    return "the proposal can't be read";
  }
};

/** Orderers take configuration updates at the same door, and any administrator could sign one. */
const refuseUpdate = (request: Uint8Array): string | null => {
  try {
    // SubmitRequest → Envelope → Payload → Header → ChannelHeader, whose first field is the type.
    const headers = at(request, 3, 1, 1, 1);
    const areTransactions = headers.every((header) => {
      const types = [...fieldsOf(header)].filter(({ number }) => number === 1);
      return types.length > 0 && types.every(({ value, bytes }) => bytes === null && value === endorserTransaction);
    });
    return headers.length > 0 && areTransactions
      ? null
      : "only endorsed transactions are submitted; channels are the plane's to change";
  } catch {
    return "the transaction can't be read";
  }
};

/** Why a message to a peer's gateway is not passed on; `null`: it is. */
export const refuseCall = (method: string, message: Uint8Array): string | null => {
  if (method === "gateway.Gateway/Submit") return refuseUpdate(message);
  if (method === "gateway.Gateway/Evaluate" || method === "gateway.Gateway/Endorse") return refuseChaincode(message);
  return null;
};
