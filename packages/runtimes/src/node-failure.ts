/** Why a node is not as it should be, in the words of an observation. */
export interface Failure {
  reason: string;
  message: string;
  hint?: string;
}

/** A failure of one node: it becomes the node's reason, and the other nodes go on. */
export class NodeFailure extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.name = "NodeFailure";
    this.failure = failure;
  }
}
