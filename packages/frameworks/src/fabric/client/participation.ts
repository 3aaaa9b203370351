import { randomBytes } from "node:crypto";
import { z } from "zod";
import { type Answer, exchange } from "../../http-exchange.ts";
import { Refusal } from "./refusal.ts";

/** The admin listener of an orderer and what opens it. */
export interface AdminTarget {
  host: string;
  port: number;
  serverName?: string;
  rootsPem: string;
  /** A client certificate signed by the operator's CA, and its key. */
  certificatePem: string;
  keyPem: string;
}

const channelInfo = z.object({
  name: z.string(),
  status: z.string(),
  consensusRelation: z.string(),
  height: z.number(),
});

export type ChannelInfo = z.output<typeof channelInfo>;

const root = "/participation/v1/channels";
/** A block is bounded by the channel's own settings, far below this. */
const maxAnswerBytes = 104_857_600;

interface Call {
  target: AdminTarget;
  path: string;
  /** A POST with this; without it a GET. */
  body?: { bytes: Buffer; type: string };
  timeoutMs: number;
  signal: AbortSignal;
}

const ask = async ({ target, ...call }: Call): Promise<Answer> => {
  const { host, port, serverName, rootsPem, certificatePem, keyPem } = target;
  const tls = {
    ca: rootsPem,
    cert: certificatePem,
    key: keyPem,
    minVersion: "TLSv1.2",
    ...(serverName === undefined ? {} : { servername: serverName }),
  } as const;
  try {
    return await exchange({ ...call, host, port, tls, maxBytes: maxAnswerBytes });
  } catch (error) {
    throw new Refusal(error instanceof Error ? error.message : "there was no answer", "UNREACHED", true);
  }
};

const errorText = (body: Buffer): string => {
  try {
    return z.object({ error: z.string() }).parse(JSON.parse(body.toString("utf8"))).error;
  } catch {
    return body.toString("utf8").slice(0, 200);
  }
};

const toMultipart = (field: string, bytes: Uint8Array): { bytes: Buffer; type: string } => {
  const boundary = `block-${randomBytes(16).toString("hex")}`;
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="${field}"; filename="${field}"\r\nContent-Type: application/octet-stream\r\n\r\n`;
  return {
    bytes: Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]),
    type: `multipart/form-data; boundary=${boundary}`,
  };
};

export interface ParticipationOptions {
  timeoutMs: number;
  signal: AbortSignal;
}

/**
 * Makes an orderer join a channel by its genesis or by a newer configuration block. One that has joined already is
 * fine (405).
 */
export const joinChannel = async (
  target: AdminTarget,
  block: Uint8Array,
  options: ParticipationOptions,
): Promise<"joined" | "was there"> => {
  const body = toMultipart("config-block", block);
  const answer = await ask({ target, path: root, body, ...options });
  if (answer.status === 201) return "joined";
  if (answer.status === 405) return "was there";
  throw new Refusal(errorText(answer.body), String(answer.status));
};

/** Null when the orderer does not take part in the channel. */
export const readChannel = async (
  target: AdminTarget,
  channelId: string,
  options: ParticipationOptions,
): Promise<ChannelInfo | null> => {
  const answer = await ask({ target, path: `${root}/${channelId}`, ...options });
  if (answer.status === 404) return null;
  if (answer.status !== 200) throw new Refusal(errorText(answer.body), String(answer.status));
  return channelInfo.parse(JSON.parse(answer.body.toString("utf8")));
};

/**
 * The newest configuration block as the orderer has it; null where it is not there to be read (the orderer only
 * follows the channel, or does not know it).
 *
 * Updates are broadcast, never sent to this listener: in 3.1.5 a PUT for a channel that the orderer only follows
 * returns without letting go of the registrar's lock, and the orderer answers nothing about channels any more.
 */
export const readConfigBlock = async (
  target: AdminTarget,
  channelId: string,
  options: ParticipationOptions,
): Promise<Uint8Array | null> => {
  const answer = await ask({ target, path: `${root}/${channelId}/blocks/config`, ...options });
  if (answer.status === 200) return answer.body;
  if (answer.status === 404) return null;
  throw new Refusal(errorText(answer.body), String(answer.status));
};
