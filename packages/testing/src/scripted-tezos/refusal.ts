/** An error as a Tezos node answers it. */
export interface NodeError {
  kind: "permanent" | "temporary" | "branch";
  id: string;
  [member: string]: unknown;
}

/** What makes the peer answer with a node's error form. */
export class Refused extends Error {
  readonly errors: readonly NodeError[];
  readonly status: number;

  constructor(errors: readonly NodeError[], status = 500) {
    super(errors.map(({ id }) => id).join(", "));
    this.errors = errors;
    this.status = status;
  }
}

/** Errors without an id of their own, e.g. bytes that can't be parsed. */
export const failure = (message: string): Refused => new Refused([{ kind: "permanent", id: "failure", msg: message }]);
