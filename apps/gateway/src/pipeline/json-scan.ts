/**
 * A strict JSON reader (RFC 8259) that says where things are instead of building them, so that ids and parameters can
 * be passed on byte for byte. It works on latin1 text of the raw bytes: positions in the text are positions in the
 * bytes. It accepts what `JSON.parse` accepts, but for nesting deeper than `maxDepth`.
 */
export const maxDepth = 120;

const failed = -1;
const quote = 34;
const backslash = 92;

/** Everything of a string up to what needs a look, for long ones. */
const plainRun = /[^"\\\u0000-\u001f]*/y;
const shortRun = 24;

export const skipSpace = (text: string, start: number): number => {
  let at = start;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return at;
    at += 1;
  }
};

const isHex = (code: number): boolean =>
  (code >= 48 && code <= 57) || (code >= 97 && code <= 102) || (code >= 65 && code <= 70);

const skipEscape = (text: string, start: number): number => {
  const code = text.charCodeAt(start + 1);
  if (code === 117) {
    for (let at = start + 2; at < start + 6; at++) if (!isHex(text.charCodeAt(at))) return failed;
    return start + 6;
  }
  // " \ / b f n r t
  const isKnown =
    code === quote ||
    code === backslash ||
    code === 47 ||
    code === 98 ||
    code === 102 ||
    code === 110 ||
    code === 114 ||
    code === 116;
  return isKnown ? start + 2 : failed;
};

/** `start` is at the opening quote; answers the position after the closing one, or -1. */
export const skipString = (text: string, start: number): number => {
  let at = start + 1;
  let stepped = 0;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === quote) return at + 1;
    if (code === backslash) {
      at = skipEscape(text, at);
      if (at === failed) return failed;
    } else if (code >= 32) {
      at += 1;
      if (++stepped === shortRun) {
        stepped = 0;
        plainRun.lastIndex = at;
        plainRun.test(text);
        at = plainRun.lastIndex;
      }
    } else {
      // A control character, or (NaN) the end of the text.
      return failed;
    }
  }
};

const skipDigits = (text: string, start: number): number => {
  let at = start;
  for (;;) {
    const code = text.charCodeAt(at);
    if (!(code >= 48 && code <= 57)) return at;
    at += 1;
  }
};

export const skipNumber = (text: string, start: number): number => {
  let at = text.charCodeAt(start) === 45 ? start + 1 : start;
  const whole = skipDigits(text, at);
  if (whole === at || (text.charCodeAt(at) === 48 && whole > at + 1)) return failed;
  at = whole;
  if (text.charCodeAt(at) === 46) {
    const fraction = skipDigits(text, at + 1);
    if (fraction === at + 1) return failed;
    at = fraction;
  }
  const exponent = text.charCodeAt(at);
  if (exponent === 101 || exponent === 69) {
    const sign = text.charCodeAt(at + 1);
    const first = sign === 43 || sign === 45 ? at + 2 : at + 1;
    const end = skipDigits(text, first);
    if (end === first) return failed;
    at = end;
  }
  return at;
};

const skipArray = (text: string, start: number, depth: number): number => {
  let at = skipSpace(text, start + 1);
  if (text.charCodeAt(at) === 93) return at + 1;
  for (;;) {
    at = skipValue(text, at, depth);
    if (at === failed) return failed;
    at = skipSpace(text, at);
    const code = text.charCodeAt(at);
    if (code === 93) return at + 1;
    if (code !== 44) return failed;
    at = skipSpace(text, at + 1);
  }
};

/** Called for each member; the positions are of the key with its quotes and of the value. */
export type OnMember = (keyStart: number, keyEnd: number, valueStart: number, valueEnd: number) => void;

/** `start` is at the `{`; answers the position after the `}`, or -1. */
export const skipObject = (text: string, start: number, depth: number, onMember?: OnMember): number => {
  let at = skipSpace(text, start + 1);
  if (text.charCodeAt(at) === 125) return at + 1;
  for (;;) {
    if (text.charCodeAt(at) !== quote) return failed;
    const keyStart = at;
    const keyEnd = skipString(text, at);
    if (keyEnd === failed) return failed;
    at = skipSpace(text, keyEnd);
    if (text.charCodeAt(at) !== 58) return failed;
    const valueStart = skipSpace(text, at + 1);
    at = skipValue(text, valueStart, depth);
    if (at === failed) return failed;
    if (onMember !== undefined) onMember(keyStart, keyEnd, valueStart, at);
    at = skipSpace(text, at);
    const code = text.charCodeAt(at);
    if (code === 125) return at + 1;
    if (code !== 44) return failed;
    at = skipSpace(text, at + 1);
  }
};

/** `start` is at the value's first character; answers the position after it, or -1 when it is no JSON or too deep. */
export const skipValue = (text: string, start: number, depth = maxDepth): number => {
  const code = text.charCodeAt(start);
  if (code === quote) return skipString(text, start);
  if (code === 123) return depth === 0 ? failed : skipObject(text, start, depth - 1);
  if (code === 91) return depth === 0 ? failed : skipArray(text, start, depth - 1);
  if (code === 116) return text.startsWith("true", start) ? start + 4 : failed;
  if (code === 102) return text.startsWith("false", start) ? start + 5 : failed;
  if (code === 110) return text.startsWith("null", start) ? start + 4 : failed;
  return skipNumber(text, start);
};
