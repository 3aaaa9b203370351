/** What the first bytes of a connection say. */
export type Greeting =
  /** Not enough of it is there to tell. */
  | { kind: "more" }
  /** Whom the caller asks for, in lower case. */
  | { kind: "name"; serverName: string }
  | { kind: "refused"; reason: "not_tls" | "too_long" | "malformed" | "no_name" };

/** More than any ClientHello has, those with keys of post-quantum exchanges included. */
export const mostHelloBytes = 16_384;

const handshakeRecord = 22;
const clientHello = 1;
const serverNameExtension = 0;
const hostName = 0;
/** A host's name in ASCII, as SNI has it (RFC 6066, 3): no address, no dot at the end. */
const namePattern = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)+$/;

const refused = (reason: Extract<Greeting, { kind: "refused" }>["reason"]): Greeting => ({ kind: "refused", reason });

/** A reader that goes past the end throws this: what was announced is longer than what holds it. */
class Overrun extends Error {}

const createReader = (bytes: Buffer) => {
  let at = 0;
  const take = (count: number): Buffer => {
    if (at + count > bytes.length) throw new Overrun();
    at += count;
    return bytes.subarray(at - count, at);
  };
  const number = (width: 1 | 2 | 3): number => take(width).readUIntBE(0, width);
  return {
    take,
    number,
    /** As many bytes as the number before them says. */
    vector: (width: 1 | 2 | 3): Buffer => take(number(width)),
    isAtEnd: (): boolean => at === bytes.length,
  };
};

/** The handshake's bytes out of its records: a hello may be cut into several (RFC 8446, 5.1). */
const joinRecords = (bytes: Buffer): { handshake: Buffer; isBroken: boolean } => {
  const pieces: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    // Content type, then a version that begins with 3 whatever TLS it is.
    if (bytes[at] !== handshakeRecord || (at + 1 < bytes.length && bytes[at + 1] !== 3)) {
      return { handshake: Buffer.concat(pieces), isBroken: true };
    }
    if (at + 5 > bytes.length) break;
    const length = bytes.readUInt16BE(at + 3);
    if (length === 0 || length > mostHelloBytes) return { handshake: Buffer.concat(pieces), isBroken: true };
    pieces.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return { handshake: Buffer.concat(pieces), isBroken: false };
};

const readNames = (list: Buffer): Greeting => {
  const names = createReader(createReader(list).vector(2));
  while (!names.isAtEnd()) {
    const type = names.number(1);
    const value = names.vector(2);
    if (type !== hostName) continue;
    const serverName = value.toString("latin1").toLowerCase();
    return namePattern.test(serverName) ? { kind: "name", serverName } : refused("malformed");
  }
  return refused("no_name");
};

const readHello = (body: Buffer): Greeting => {
  const hello = createReader(body);
  // Version and random; session id, cipher suites, compression methods.
  hello.take(34);
  hello.vector(1);
  hello.vector(2);
  hello.vector(1);
  if (hello.isAtEnd()) return refused("no_name");
  const extensions = createReader(hello.vector(2));
  while (!extensions.isAtEnd()) {
    // Unknown ones, those that grease (RFC 8701) among them, are passed over.
    const type = extensions.number(2);
    const value = extensions.vector(2);
    if (type === serverNameExtension) return readNames(value);
  }
  return refused("no_name");
};

/**
 * The name that a TLS client asks for, out of the first bytes of its connection (RFC 8446, 4.1.2). Decrypts nothing and
 * takes nothing away: the bytes go to the node as they came.
 */
export const readGreeting = (bytes: Buffer): Greeting => {
  const { handshake, isBroken } = joinRecords(bytes);
  if (handshake.length > 0 && handshake[0] !== clientHello) return refused("not_tls");
  const length = handshake.length < 4 ? undefined : handshake.readUIntBE(1, 3);
  if (length !== undefined && length > mostHelloBytes) return refused("too_long");
  if (length === undefined || handshake.length < 4 + length) {
    if (isBroken) return refused(handshake.length === 0 ? "not_tls" : "malformed");
    return bytes.length >= mostHelloBytes ? refused("too_long") : { kind: "more" };
  }
  try {
    return readHello(handshake.subarray(4, 4 + length));
  } catch (error) {
    if (error instanceof Overrun) return refused("malformed");
    throw error;
  }
};
