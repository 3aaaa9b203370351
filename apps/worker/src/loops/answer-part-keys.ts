import { type PartKeyAnswer, partKeyContext } from "@portolan/contract";
import type { Clock } from "@portolan/domain";
import type { Framework } from "@portolan/frameworks";
import type { Logger } from "@portolan/kit";
import type { PartKeyAnswers, WaitingPartKeyRequest } from "@portolan/store";

export interface PartKeyAnswererDeps {
  requests: PartKeyAnswers;
  findFramework(slug: string): Framework | undefined;
  /**
   * A key of custody by reference, sealed to a public key in a context; `null`: custody has no such key. Throws
   * `DomainError` `custody.*`.
   */
  lend(
    key: { tenantId: string; chainId: string; ref: string },
    publicKey: string,
    context: ReturnType<typeof partKeyContext>,
  ): Promise<Uint8Array | null>;
  clock: Clock;
  log: Pick<Logger, "info" | "warn">;
}

const limit = 20;

/**
 * Answers gateways that ask for the private key of a part: only of kinds that the framework lends, of parts that are
 * there, and with a certificate that holds. Never an authority's, an administrator's or a node's.
 */
export const createPartKeyAnswerer = (deps: PartKeyAnswererDeps) => {
  const { requests, findFramework, lend, clock, log } = deps;

  const decide = async (request: WaitingPartKeyRequest): Promise<PartKeyAnswer> => {
    const { tenantId, chainId, kind, part, material, publicKey } = request;
    const isLent = findFramework(request.framework)?.protocols.some(({ rest }) => rest?.identityKind === kind) === true;
    if (!isLent || part === null) return { kind: "refused", reason: "unknown" };
    if (part.isDeleted) return { kind: "refused", reason: "revoked" };
    if (material === null) return { kind: "refused", reason: "unknown" };
    if (material.owner !== "plane") return { kind: "refused", reason: "notHeld" };
    if (material.expiresAt !== null && material.expiresAt <= clock.now()) return { kind: "refused", reason: "expired" };
    const context = partKeyContext({ tenantId, chainId, partId: part.id });
    const sealed = await lend({ tenantId, chainId, ref: `${kind}/${part.id}` }, publicKey, context);
    if (sealed === null) return { kind: "refused", reason: "notHeld" };
    log.info({ chainId, partId: part.id }, "a part's key was lent to a gateway");
    return { kind: "key", partId: part.id, tenantId, facts: material.facts, sealed };
  };

  let running: Promise<void> | null = null;
  let isAgain = false;
  const pass = async (): Promise<void> => {
    do {
      isAgain = false;
      for (const request of await requests.waiting(limit)) {
        const answer = await decide(request).catch((err: unknown): PartKeyAnswer => {
          log.warn({ err, chainId: request.chainId }, "a part's key could not be lent");
          return { kind: "refused", reason: "unavailable" };
        });
        await requests.answer(request.id, answer);
      }
    } while (isAgain);
  };
  /** One pass at a time; a hint meanwhile makes another. */
  return (): Promise<void> => {
    isAgain = true;
    running ??= pass().finally(() => {
      running = null;
    });
    return running;
  };
};
