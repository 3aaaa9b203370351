import type { Role } from "./role.ts";

/** Who is asking, as the credential says. The tenant scope of everything that follows comes from here only. */
export interface Principal {
  kind: "user" | "serviceAccount";
  /** `usr_…` or `svc_…` */
  id: string;
  tenantId: string;
  portalId: string;
  role: Role;
  /** Only of users. */
  sessionId?: string;
}
