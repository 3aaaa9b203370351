import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { type EdgePort, type PartKeyAnswer, partKeyContext } from "@portolan/contract";
import { createWorkerKeys } from "@portolan/custody";
import { DomainError, type DomainErrorFields } from "@portolan/domain";
import type { RestIdentity } from "@portolan/frameworks";
import type { DirectoryListener } from "./directory.ts";

/**
 * Private keys that the centre lends: in memory only, for minutes, and no longer than the route's version stands (it
 * grows when a part of the chain goes). The pair that they are sealed to lives as long as this process.
 */
export interface PartKeys {
  /** Throws `DomainError` `identity.*`, or `custody.unavailable`. */
  get(chainId: string, kind: string, name: string): Promise<RestIdentity>;
  readonly listener: DirectoryListener;
}

const maxKept = 1_000;
/** Names are the callers' own words: without this, one that guesses would fill the memory, and push out others' keys. */
const maxKeptPerChain = 250;
const maxAsking = 50;
const refusedMs = 2_000;

interface Kept {
  identity: Promise<RestIdentity>;
  untilMs: number;
}

type Refused = Extract<PartKeyAnswer, { kind: "refused" }>["reason"];

const refusals: { readonly [reason in Refused]: Pick<DomainErrorFields, "code" | "message" | "hint"> } = {
  unknown: {
    code: "identity.unknown",
    message: "The chain has no such identity, or it is not made yet.",
    hint: "GET /v1/chains/{chain}/identities lists them.",
  },
  notHeld: {
    code: "identity.not_held",
    message: "The identity's private key stays with its owner.",
    hint: "Use prepare, endorse and send, and sign what they give out.",
  },
  revoked: { code: "identity.revoked", message: "The identity was revoked.", hint: "Use another identity." },
  expired: {
    code: "identity.expired",
    message: "The identity's certificate has expired.",
    hint: "It is renewed by itself; look at the chain's conditions.",
  },
  unavailable: {
    code: "custody.unavailable",
    message: "The identity's key can't be had at the moment.",
    hint: "Send it again in a moment.",
  },
};

export const createPartKeys = (deps: {
  port: Pick<EdgePort, "partKey">;
  region: string;
  now?: () => number;
  keepMs?: number;
}): PartKeys => {
  const { port, region, now = () => performance.now(), keepMs = 600_000 } = deps;
  const own = createWorkerKeys();
  const kept = new Map<string, Map<string, Kept>>();
  let size = 0;
  let asking = 0;

  const open = (chainId: string, answer: Extract<PartKeyAnswer, { kind: "key" }>): RestIdentity => {
    const der = own.open(answer.sealed, partKeyContext({ ...answer, chainId }));
    let key: KeyObject;
    try {
      key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
    } finally {
      der.fill(0);
    }
    return { partId: answer.partId, facts: answer.facts, sign: async (data) => sign("sha256", data, key) };
  };
  const ask = async (chainId: string, kind: string, name: string): Promise<RestIdentity> => {
    if (asking >= maxAsking) throw new DomainError({ ...refusals.unavailable, retryable: true });
    asking += 1;
    try {
      const answer = await port.partKey({ region, chainId, kind, name, publicKey: own.publicKey });
      if (answer.kind === "key") return open(chainId, answer);
      throw new DomainError({ ...refusals[answer.reason], retryable: answer.reason === "unavailable" });
    } finally {
      asking -= 1;
    }
  };
  const forget = (chainId: string): void => {
    size -= kept.get(chainId)?.size ?? 0;
    kept.delete(chainId);
  };

  return {
    get: (chainId, kind, name) => {
      const ofChain = kept.get(chainId) ?? new Map<string, Kept>();
      const id = `${kind} ${name}`;
      const found = ofChain.get(id);
      if (found !== undefined && found.untilMs > now()) return found.identity;
      if (found === undefined) {
        if (ofChain.size >= maxKeptPerChain) {
          ofChain.delete(ofChain.keys().next().value ?? "");
          size -= 1;
        }
        for (const chain of kept.keys()) {
          if (size < maxKept) break;
          if (chain !== chainId) forget(chain);
        }
        size += 1;
      }
      kept.set(chainId, ofChain);
      const entry: Kept = { identity: ask(chainId, kind, name), untilMs: now() + keepMs };
      ofChain.set(id, entry);
      // What is refused is asked again soon, but not by every call.
      entry.identity.catch(() => {
        entry.untilMs = Math.min(entry.untilMs, now() + refusedMs);
      });
      return entry.identity;
    },
    listener: {
      onAccessChange: () => undefined,
      onRoute: (next, previous) => {
        const chainId = next?.route.chainId ?? previous?.route.chainId;
        if (chainId !== undefined) forget(chainId);
      },
    },
  };
};
