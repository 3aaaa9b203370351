/** What the snippets and the profile of one organisation are written from. */
export interface Connection {
  organisation: string;
  mspId: string;
  /** `host:port` of the gateway's listener, and the name that its certificate is for. */
  address: string;
  serverName: string;
  /** Whether `tls-ca.pem` has to be trusted: the listener's certificate is not from an authority that everybody trusts. */
  hasOwnAuthority: boolean;
  /** What is called unless told otherwise. */
  channel: string;
  chaincode: string;
}

/** A string of JavaScript, Go and Java alike: of printable ASCII, other characters escaped. */
export const toLiteral = (text: string): string =>
  JSON.stringify(text).replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** The comment on keys that all snippets have, a line each. */
export const keyNotes = (mark: string): string =>
  [
    'The identity is one whose private key is yours (key mode "own": you sent a certificate request); the key is read',
    'from a file and goes nowhere. Portolan can\'t hand out a key that it holds itself (key mode "plane"): with such an',
    'identity, call the chain over REST, POST /channels/{channel}/chaincodes/{chaincode}/submit with "identity".',
  ]
    .map((line) => `${mark} ${line}`)
    .join("\n");
