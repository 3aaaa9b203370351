import { CliFailure, exitCodes } from "./failure.ts";

export interface PasswordInput {
  stdin: NodeJS.ReadStream;
  /** The question goes here; never the answer. */
  err: { write(text: string): unknown };
  /** From PORTOLAN_PASSWORD. */
  fromEnvironment: string | undefined;
}

/** What is asked for, as people read it. */
export interface SecretWords {
  /** With an article's room before it: `password`. */
  noun: string;
  flag: string;
  /** Where an environment may have it; absent: nowhere. */
  variable?: string;
  /** Asked for twice, where nobody could tell later that it was mistyped. */
  isNew?: boolean;
}

const passwordWords: SecretWords = { noun: "password", flag: "--password-stdin", variable: "PORTOLAN_PASSWORD" };

/**
 * The password (or what else `words` says) from standard input, the environment or a prompt without echo; never from an argument, which every user
 * of the machine can read and which shells keep.
 */
export const readPassword = async (
  input: PasswordInput,
  isFromStdin: boolean,
  words: SecretWords = passwordWords,
): Promise<string> => {
  if (isFromStdin) return required(await readLine(input.stdin), words);
  if (input.fromEnvironment !== undefined) return input.fromEnvironment;
  if (input.stdin.isTTY) {
    const label = `${words.noun.charAt(0).toUpperCase()}${words.noun.slice(1)}`;
    const text = required(await prompt(input, `${label}: `), words);
    if (words.isNew !== true || (await prompt(input, `${label} again: `)) === text) return text;
    throw new CliFailure(`The two are not the same ${words.noun}.`, { exitCode: exitCodes.usage });
  }
  throw new CliFailure(`No ${words.noun} was given.`, {
    exitCode: exitCodes.usage,
    hint: `Pipe it in with ${words.flag}${words.variable === undefined ? "" : `, or set ${words.variable}`}.`,
  });
};

const required = (text: string, { noun }: SecretWords): string => {
  if (text !== "") return text;
  throw new CliFailure(`The ${noun} is empty.`, { exitCode: exitCodes.usage });
};

const readLine = async (stdin: NodeJS.ReadStream): Promise<string> => {
  let text = "";
  for await (const piece of stdin) {
    text += String(piece);
    if (text.length > 10_000) break;
  }
  return text.replace(/\r?\n[\s\S]*$/, "");
};

const prompt = ({ stdin, err }: PasswordInput, question: string): Promise<string> =>
  new Promise((resolve, reject) => {
    err.write(question);
    let text = "";
    const finish = (work: () => void): void => {
      stdin.setRawMode(false);
      stdin.pause();
      stdin.off("data", onData);
      err.write("\n");
      work();
    };
    const onData = (piece: Buffer): void => {
      for (const character of piece.toString("utf8")) {
        if (character === "\r" || character === "\n") {
          finish(() => resolve(text));
          return;
        }
        if (character === "\u0003" || character === "\u0004") {
          finish(() => reject(new CliFailure("Given up.", { exitCode: exitCodes.usage })));
          return;
        }
        if (character === "\u007f" || character === "\b") text = [...text].slice(0, -1).join("");
        else text += character;
      }
    };
    stdin.setRawMode(true);
    stdin.resume();
    stdin.on("data", onData);
  });
