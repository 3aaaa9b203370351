/** Every way a command can end; documented in the README and in `portolan --help`. */
export const exitCodes = {
  ok: 0,
  /** Something went wrong that no other number says. */
  failure: 1,
  /** The command line or the environment is wrong. */
  usage: 2,
  /** No credential, or one that is not valid any more. */
  notSignedIn: 3,
  /** By a policy, a quota, a permission or for want of money. */
  refused: 4,
  notFound: 5,
  /** No answer from the API. */
  unreachable: 6,
  /** The operation ended badly, was cancelled, or needs attention. */
  operationFailed: 7,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A failure whose message is the whole of what the reader must know; `hint` says what to do. Printed without a stack. */
export class CliFailure extends Error {
  readonly exitCode: ExitCode;
  readonly hint: string | undefined;

  constructor(message: string, options: { exitCode?: ExitCode; hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "CliFailure";
    this.exitCode = options.exitCode ?? exitCodes.failure;
    this.hint = options.hint;
  }
}
