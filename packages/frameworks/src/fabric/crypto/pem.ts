/** DER as PEM: base64 in lines of 64, one newline at the end. */
export const toPem = (label: string, der: Uint8Array): string => {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
};

/**
 * The bytes of the first block, if that has one of the labels; undefined where there is none or it is not base64. The
 * time is linear in the text, which customers send: what lies between the marks is one repetition, not several that
 * could share it in many ways.
 */
export const fromPem = (pem: string, ...labels: readonly string[]): Uint8Array | undefined => {
  const match = /-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]+)-----END \1-----/.exec(pem);
  if (match?.[1] === undefined || match[2] === undefined || !labels.includes(match[1])) return undefined;
  return new Uint8Array(Buffer.from(match[2], "base64"));
};
