import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { createLimiter } from "@portolan/access";
import {
  type ChainExportContent,
  type ChainExportResource,
  chainExport,
  chainExportContent,
  clearPartOf,
} from "@portolan/contract";
import { openWithPassphrase, type PassphraseCost, sealWithPassphrase } from "@portolan/custody";
import { DomainError } from "@portolan/domain";
import { demandFewValues } from "../../http/json-guard.ts";
import { createRateLimiter } from "../../http/rate-limiter.ts";
import { demandStorableText } from "../../http/text-guard.ts";
import type { Limits } from "../../limits.ts";

const compress = promisify(gzip);
const expand = promisify(gunzip);

/** What a document may grow to. Whoever wrote it knows its pass phrase, so that it is sealed says nothing of it. */
const mostBytes = 48 * 1024 * 1024;

/** One answer for whatever is wrong: a guess at the pass phrase learns nothing else. */
export const unreadable = (detail: string): DomainError =>
  new DomainError({
    code: "export.unreadable",
    message: "The export can't be opened: the pass phrase is wrong, or the document is not as it was written.",
    hint: "Take the file as `export` wrote it, and the pass phrase that was given then.",
    detail,
  });

/** Said where the chain still is: afterwards the document might be all that is left of it. */
const tooMuch = (detail: string): DomainError =>
  new DomainError({
    code: "chain.not_restorable",
    message: "The chain has more settings, parts or keys than a document may carry: no plane would take it.",
    hint: "Delete parts that are not needed any more, then export it again.",
    detail,
  });

/** What is to be sealed, as text. Throws `chain.not_restorable` for what `open` would refuse. */
const toText = (content: ChainExportContent): string => {
  const text = JSON.stringify(content);
  if (Buffer.byteLength(text) > mostBytes) throw tooMuch(`more than ${mostBytes} bytes`);
  try {
    demandFewValues(text);
  } catch {
    throw tooMuch("too many values");
  }
  // Of a schema's error the place only: the value there may be a key.
  const [issue] = chainExportContent.safeParse(JSON.parse(text)).error?.issues ?? [];
  if (issue !== undefined) throw tooMuch(`${issue.path.join(".")}: ${issue.code}`);
  return text;
};

/** Seals and opens documents, one at a time: each takes 128 MiB for a moment. */
export const createExportSealer = (deps: {
  limits: Pick<Limits, "signInPerAddress" | "signInPerEmail" | "passphrasePerTenant">;
  cost?: PassphraseCost;
}) => {
  const message = "Too many documents are being sealed or opened at once.";
  const limiter = createLimiter({ maxRunning: 1, maxWaiting: 20, message });
  const perAddress = createRateLimiter("passphrase", deps.limits.signInPerAddress);
  const perTenant = createRateLimiter("passphrase-tenant", deps.limits.passphrasePerTenant);
  const perCredential = createRateLimiter("passphrase-credential", deps.limits.signInPerEmail);

  const parse = async (bytes: Buffer): Promise<ChainExportContent> => {
    try {
      const text = (await expand(bytes, { maxOutputLength: mostBytes })).toString("utf8");
      demandFewValues(text);
      const value: unknown = JSON.parse(text);
      demandStorableText(value);
      return chainExportContent.parse(value);
    } catch (error) {
      throw unreadable(error instanceof Error ? error.message.slice(0, 1_000) : "not an export's content");
    }
  };

  return {
    /** As for a sign-in: guessing is slow from wherever it is done. Throws `request.rate_limited`. */
    admit: async (who: { address: string; tenantId: string; principalId: string }): Promise<void> => {
      await perAddress.consume(who.address);
      // A tenant has as many credentials as it makes, and addresses are cheap.
      await perTenant.consume(who.tenantId);
      await perCredential.consume(who.principalId);
    },

    /** Throws `chain.not_restorable` for more than an import takes. */
    seal: async (
      passphrase: string,
      clear: ReturnType<typeof clearPartOf>,
      content: ChainExportContent,
    ): Promise<ChainExportResource> => {
      const plain = await compress(toText(content));
      try {
        const cost = deps.cost === undefined ? {} : { cost: deps.cost };
        const { kdf, sealed } = await limiter.run(() => sealWithPassphrase(passphrase, plain, clear, cost));
        const text = Buffer.from(sealed).toString("base64");
        if (!chainExport.shape.sealed.safeParse(text).success) throw tooMuch(`${text.length} characters when sealed`);
        return { ...clear, kdf, sealed: text };
      } finally {
        plain.fill(0);
      }
    },

    /** Throws `export.unreadable`. */
    open: async (passphrase: string, document: ChainExportResource): Promise<ChainExportContent> => {
      const box = { kdf: document.kdf, sealed: Buffer.from(document.sealed, "base64") };
      const plain = await limiter
        .run(() => openWithPassphrase(passphrase, box, clearPartOf(document)))
        .catch((error: unknown) => {
          if (error instanceof DomainError && error.code === "custody.tampered") throw unreadable("it does not open");
          throw error;
        });
      try {
        return await parse(plain);
      } finally {
        plain.fill(0);
      }
    },
  };
};

export type ExportSealer = ReturnType<typeof createExportSealer>;
