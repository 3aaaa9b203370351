export const passwordMinLength = 10;
export const passwordMaxLength = 200;

/**
 * The most used passwords of ten and more characters; shorter ones are refused by length. Compared in lower case. A
 * small list: it stops the first guesses, the rate limit on sign-in and the memory-hard hash stop the rest.
 */
const commonPasswords = new Set([
  ..."1234567890 12345678910 123456789a a123456789 0123456789 0987654321 1234512345 1111111111 0000000000".split(" "),
  ..."1122334455 9876543210 123456789q q123456789 qwertyuiop qwertyuiop1 qwerty12345 qwerty123456 1qaz2wsx3edc".split(
    " ",
  ),
  ..."1q2w3e4r5t 1q2w3e4r5t6y q1w2e3r4t5 q1w2e3r4t5y6 zaq12wsxcde3 asdfghjkl1 asdfghjkl; zxcvbnm123 password12".split(
    " ",
  ),
  ..."password123 password1234 password12345 password123456 passw0rd123 p@ssw0rd123 p@ssword123 password1!".split(" "),
  ..."passwordpassword letmein123 letmeinplease welcome123 welcome1234 welcome123! iloveyou12 iloveyou123".split(" "),
  ..."sunshine123 princess123 football123 baseball123 administrator administrator1 admin12345 admin123456".split(" "),
  ..."changeme123 changemenow mypassword mypassword1 secret12345 test123456 testtest123 abcdefghij abcd123456".split(
    " ",
  ),
  ..."abc1234567 qazwsxedcrfv aaaaaaaaaa 123123123123 123qweasdzxc correcthorsebatterystaple trustno1trustno1".split(
    " ",
  ),
]);

export const passwordProblems = ["too_short", "too_long", "malformed", "common", "is_email"] as const;
export type PasswordProblem = (typeof passwordProblems)[number];

export const passwordProblemMessages: { readonly [problem in PasswordProblem]: string } = {
  too_short: `Use at least ${passwordMinLength} characters.`,
  too_long: `Use at most ${passwordMaxLength} characters.`,
  malformed: "The password contains characters that can't be encoded.",
  common: "This password is among the first that are guessed. Choose another.",
  is_email: "The password must not be the e-mail address.",
};

/** What is hashed: NFC, so that the same keys on another keyboard give the same bytes (RFC 8265 §4.2). */
export const normalizePassword = (password: string): string => password.normalize("NFC");

/** Characters are code points. No rules about classes of characters: length counts (NIST SP 800-63B-4 §3.1.1.2). */
export const checkPassword = (password: string, email: string): PasswordProblem | null => {
  if (password.length > passwordMaxLength * 2) return "too_long";
  // Lone surrogates all encode to U+FFFD: different passwords would have the same hash.
  if (!password.isWellFormed()) return "malformed";
  const text = normalizePassword(password);
  const length = [...text].length;
  if (length < passwordMinLength) return "too_short";
  if (length > passwordMaxLength) return "too_long";
  const lower = text.toLowerCase();
  if (commonPasswords.has(lower) || new Set(lower).size === 1) return "common";
  const address = email.trim().toLowerCase();
  if (lower === address || lower === address.split("@")[0]) return "is_email";
  return null;
};
