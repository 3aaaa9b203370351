import { CliFailure, exitCodes } from "./failure.ts";

export interface PasswordInput {
  stdin: NodeJS.ReadStream;
  /** The question goes here; never the answer. */
  err: { write(text: string): unknown };
  /** From PORTOLAN_PASSWORD. */
  fromEnvironment: string | undefined;
}

/**
 * The password from standard input, the environment or a prompt without echo; never from an argument, which every user
 * of the machine can read and which shells keep.
 */
export const readPassword = async (input: PasswordInput, isFromStdin: boolean): Promise<string> => {
  if (isFromStdin) return required(await readLine(input.stdin));
  if (input.fromEnvironment !== undefined) return input.fromEnvironment;
  if (input.stdin.isTTY) return required(await prompt(input));
  throw new CliFailure("No password was given.", {
    exitCode: exitCodes.usage,
    hint: "Pipe it in with --password-stdin, or set PORTOLAN_PASSWORD.",
  });
};

const required = (password: string): string => {
  if (password !== "") return password;
  throw new CliFailure("The password is empty.", { exitCode: exitCodes.usage });
};

const readLine = async (stdin: NodeJS.ReadStream): Promise<string> => {
  let text = "";
  for await (const piece of stdin) {
    text += String(piece);
    if (text.length > 10_000) break;
  }
  return text.replace(/\r?\n[\s\S]*$/, "");
};

const prompt = ({ stdin, err }: PasswordInput): Promise<string> =>
  new Promise((resolve, reject) => {
    err.write("Password: ");
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
