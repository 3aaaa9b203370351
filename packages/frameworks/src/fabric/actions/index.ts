import type { Framework } from "../../framework.ts";
import { approve, commit, install } from "./agree-on-chaincode.ts";
import { init, reach } from "./call-chaincode.ts";
import { configureChannel } from "./configure-channel.ts";
import { find } from "./find-endorsers.ts";
import { joinOrderers, joinPeers } from "./join-channel.ts";

/** By the names that steps call them. */
export const actions: Framework["actions"] = {
  "channel.joinOrderers": joinOrderers,
  "channel.joinPeers": joinPeers,
  "channel.configure": configureChannel,
  "chaincode.install": install,
  "chaincode.approve": approve,
  "chaincode.commit": commit,
  "chaincode.init": init,
  "chaincode.reach": reach,
  "chaincode.find": find,
};
