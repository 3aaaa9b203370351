import type { Framework } from "../../framework.ts";
import { activate } from "./activate-protocol.ts";

/** By the names that steps call them. */
export const actions: Framework["actions"] = { "protocol.activate": activate };
