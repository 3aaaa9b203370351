type Problem = { message: string; hint: string } | null;

/** Protocol constant `max_operation_data_length` is 32 KiB; a signature and a branch are in it. */
const maxOperationBytes = 32_768;
/** Branch (32), one content and a signature (64) at least. */
const minOperationBytes = 32 + 1 + 64;

/** A signed operation: the JSON text of its bytes in hex. */
export const checkOperation = (body: unknown): Problem => {
  const hint = "Send the signed operation's bytes in hex, as a JSON text.";
  if (typeof body !== "string" || !/^(?:[0-9a-f]{2})+$/i.test(body))
    return { message: "The body is no operation.", hint };
  const size = body.length / 2;
  return size < minOperationBytes || size > maxOperationBytes
    ? { message: `An operation has ${minOperationBytes} to ${maxOperationBytes} bytes.`, hint }
    : null;
};

const memberOf = (body: unknown, name: string): unknown =>
  typeof body === "object" && body !== null && !Array.isArray(body) && Object.hasOwn(body, name)
    ? (body as { readonly [name: string]: unknown })[name]
    : undefined;

/** What a block of the largest networks may use; a node works it off in about a second. */
const maxGas = 5_200_000n;

/**
 * A script that a node runs for a caller: its gas is the caller's to say, and then that of an operation at most of a few;
 * a node would take any number, or none as no limit for views.
 */
export const checkGas = (body: unknown): Problem => {
  const gas = memberOf(body, "gas");
  const isBounded =
    gas === undefined ||
    (typeof gas === "string" && /^\d{1,12}$/.test(gas) && BigInt(gas) <= maxGas) ||
    (typeof gas === "number" && gas >= 0 && gas <= Number(maxGas));
  if (!isBounded)
    return { message: `Gas is a whole number up to ${maxGas}.`, hint: "Leave `gas` out to have an operation's limit." };
  const isUnlimited = memberOf(body, "unlimited_gas");
  return isUnlimited === undefined || isUnlimited === false
    ? null
    : { message: "Views have a gas limit here.", hint: "Leave `unlimited_gas` out." };
};

/** A list of operations or of what one holds, none of which is worth a body of nothing but elements. */
export const checkOperations = (body: unknown): Problem =>
  Array.isArray(body) && body.length > 64
    ? { message: "There are more than 64 operations.", hint: "Send them in several requests." }
    : null;
