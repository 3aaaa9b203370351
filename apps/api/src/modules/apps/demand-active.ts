import { DomainError } from "@portolan/domain";
import { notFound } from "../../http/invalid-request.ts";

/** Throws unless the app is there and active. */
export const demandActiveApp = (app: { state: string } | null): void => {
  if (app === null) throw notFound("app");
  if (app.state === "closed")
    throw new DomainError({ code: "app.closed", message: "The app is closed.", hint: "Make a new app." });
  if (app.state !== "active") throw new DomainError({ code: "app.suspended", message: "The app is suspended." });
};
