import type { Framework } from "../../framework.ts";
import { addPeers } from "./add-peers.ts";
import { type ActionClock, realClock } from "./context.ts";
import { discardVotes } from "./discard-votes.ts";
import { hold } from "./hold.ts";
import { sync } from "./sync.ts";
import { vote } from "./vote.ts";

export const createActions = (clock: ActionClock): Framework["actions"] => ({
  "validator.vote": vote(clock),
  "validator.discard": discardVotes(clock),
  "validator.sync": sync(clock),
  "validator.hold": hold,
  "peers.add": addPeers(clock),
});

/** By the names that steps call them. */
export const actions: Framework["actions"] = createActions(realClock);
