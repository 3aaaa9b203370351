import { common, orderer } from "@hyperledger/fabric-protos";
import type { CallOptions, GrpcClients, GrpcTarget } from "./grpc-clients.ts";
import { Refusal } from "./refusal.ts";

const statusNames = new Map<number, string>(
  Object.entries(common.Status).map(([name, code]) => [code as number, name]),
);

/** Hands an orderer an envelope. That it took it is not a commit. Throws `Refusal` with its reason. */
export const broadcast = async (
  { clients, target }: { clients: GrpcClients; target: GrpcTarget },
  envelope: Uint8Array,
  options: CallOptions,
): Promise<void> => {
  const answer = await clients.exchange(
    target,
    orderer.AtomicBroadcastService.broadcast,
    common.Envelope.deserializeBinary(envelope),
    options,
  );
  const status = answer.getStatus();
  if (status === common.Status.SUCCESS) return;
  throw new Refusal(answer.getInfo(), statusNames.get(status) ?? String(status));
};
