import { common } from "@hyperledger/fabric-protos";
import { toLowS } from "../crypto/low-s.ts";
import {
  type FabricIdentity,
  type SignBytes,
  type Signing,
  serializedIdentity,
  toSignatureHeader,
  toSignedEnvelope,
} from "./envelope.ts";

/** An admin's word for an update. */
export interface ConfigSignature {
  /** A serialised identity. */
  creator: Uint8Array;
  nonce: Uint8Array;
  signature: Uint8Array;
}

/** Signs an update: over signature header and update together. `nonce` has 24 bytes. */
export const toConfigSignature = async (input: {
  update: Uint8Array;
  identity: FabricIdentity;
  sign: SignBytes;
  nonce: Uint8Array;
}): Promise<ConfigSignature> => {
  const creator = serializedIdentity(input.identity.mspId, input.identity.pem);
  const header = toSignatureHeader(creator, input.nonce);
  const signature = toLowS(await input.sign(Uint8Array.from([...header, ...input.update])));
  return { creator, nonce: input.nonce, signature };
};

/**
 * The envelope for `Broadcast` or the orderer's participation listener. The submitter must be a Writer of the channel;
 * only `signatures` count for the update itself.
 */
export const toConfigUpdateEnvelope = (
  input: Signing & { channelId: string; update: Uint8Array; signatures: readonly ConfigSignature[] },
): Promise<Uint8Array> => {
  const message = new common.ConfigUpdateEnvelope();
  message.setConfigUpdate(input.update);
  const signatures = input.signatures.map(({ creator, nonce, signature }) => {
    const signed = new common.ConfigSignature();
    signed.setSignatureHeader(toSignatureHeader(creator, nonce));
    signed.setSignature(signature);
    return signed;
  });
  message.setSignaturesList(signatures);
  const { channelId, identity, sign, nonce, at } = input;
  return toSignedEnvelope({
    type: "configUpdate",
    channelId,
    data: message.serializeBinary(),
    identity,
    sign,
    nonce,
    at,
  });
};
