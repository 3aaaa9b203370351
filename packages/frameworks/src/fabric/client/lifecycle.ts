import { peer } from "@hyperledger/fabric-protos";
import { askPeer, type PeerSession } from "./endorser.ts";
import type { CallOptions } from "./grpc-clients.ts";
import { Refusal } from "./refusal.ts";

const { lifecycle } = peer;

/** Name of the system chaincode through which chaincodes are installed and agreed upon. */
export const lifecycleChaincode = "_lifecycle";

/** What the organisations of a channel agree upon. */
export interface Definition {
  name: string;
  version: string;
  sequence: number;
  /** Bytes of a `protos.ApplicationPolicy`, base64. */
  policy: string;
  isInitRequired: boolean;
}

export interface Committed extends Definition {
  /** Organisations by MSP id that had approved it, as the peer knows it. */
  approvals: { [mspId: string]: boolean };
}

export interface Approved extends Definition {
  /** Null: the organisation approved without having the chaincode itself. */
  packageId: string | null;
}

/** Fabric's own plugins, which every peer has. */
const plugins = { endorsement: "escc", validation: "vscc" } as const;

/** Installs a package. A peer that has it already is fine: the id is a hash of the package. */
export const installChaincode = async (
  session: PeerSession,
  bytes: Uint8Array,
  options: CallOptions,
): Promise<"installed" | "was there"> => {
  const args = new lifecycle.InstallChaincodeArgs();
  args.setChaincodeInstallPackage(bytes);
  const call = {
    channelId: "",
    chaincode: lifecycleChaincode,
    args: ["InstallChaincode", args.serializeBinary()],
  };
  try {
    await askPeer(session, call, options);
    return "installed";
  } catch (error) {
    if (error instanceof Refusal && error.message.includes("chaincode already successfully installed"))
      return "was there";
    throw error;
  }
};

/** Ids of the packages that are installed on the peer. */
export const installedPackages = async (session: PeerSession, options: CallOptions): Promise<string[]> => {
  const args = new lifecycle.QueryInstalledChaincodesArgs().serializeBinary();
  const call = { channelId: "", chaincode: lifecycleChaincode, args: ["QueryInstalledChaincodes", args] };
  const answer = lifecycle.QueryInstalledChaincodesResult.deserializeBinary(await askPeer(session, call, options));
  return answer.getInstalledChaincodesList().map((item) => item.getPackageId());
};

/** The definition that the channel has committed last; null where it never had one of that name. */
export const committedDefinition = async (
  session: PeerSession,
  channelId: string,
  name: string,
  options: CallOptions,
): Promise<Committed | null> => {
  const args = new lifecycle.QueryChaincodeDefinitionArgs();
  args.setName(name);
  const call = {
    channelId,
    chaincode: lifecycleChaincode,
    args: ["QueryChaincodeDefinition", args.serializeBinary()],
  };
  try {
    const answer = lifecycle.QueryChaincodeDefinitionResult.deserializeBinary(await askPeer(session, call, options));
    return {
      name,
      version: answer.getVersion(),
      sequence: answer.getSequence(),
      policy: answer.getValidationParameter_asB64(),
      isInitRequired: answer.getInitRequired(),
      approvals: Object.fromEntries(answer.getApprovalsMap().getEntryList()),
    };
  } catch (error) {
    if (error instanceof Refusal && error.message.includes("is not defined")) return null;
    throw error;
  }
};

/** What the peer's organisation approved at that sequence; null where it approved nothing. */
export const approvedDefinition = async (
  session: PeerSession,
  channelId: string,
  name: string,
  sequence: number,
  options: CallOptions,
): Promise<Approved | null> => {
  const args = new lifecycle.QueryApprovedChaincodeDefinitionArgs();
  args.setName(name);
  args.setSequence(sequence);
  const call = {
    channelId,
    chaincode: lifecycleChaincode,
    args: ["QueryApprovedChaincodeDefinition", args.serializeBinary()],
  };
  try {
    const bytes = await askPeer(session, call, options);
    const answer = lifecycle.QueryApprovedChaincodeDefinitionResult.deserializeBinary(bytes);
    return {
      name,
      version: answer.getVersion(),
      sequence: answer.getSequence(),
      policy: answer.getValidationParameter_asB64(),
      isInitRequired: answer.getInitRequired(),
      packageId: answer.getSource()?.getLocalPackage()?.getPackageId() ?? null,
    };
  } catch (error) {
    if (error instanceof Refusal && error.message.includes("could not fetch approved chaincode definition"))
      return null;
    throw error;
  }
};

/** Arguments of the transaction with which an organisation approves a definition. */
export const toApprovalArgs = (definition: Definition, packageId: string | null): [string, Uint8Array] => {
  const source = new lifecycle.ChaincodeSource();
  if (packageId === null) source.setUnavailable(new lifecycle.ChaincodeSource.Unavailable());
  else {
    const local = new lifecycle.ChaincodeSource.Local();
    local.setPackageId(packageId);
    source.setLocalPackage(local);
  }
  const args = new lifecycle.ApproveChaincodeDefinitionForMyOrgArgs();
  args.setName(definition.name);
  args.setVersion(definition.version);
  args.setSequence(definition.sequence);
  args.setEndorsementPlugin(plugins.endorsement);
  args.setValidationPlugin(plugins.validation);
  args.setValidationParameter(definition.policy);
  args.setInitRequired(definition.isInitRequired);
  args.setSource(source);
  return ["ApproveChaincodeDefinitionForMyOrg", args.serializeBinary()];
};

/** Arguments of the transaction with which a channel takes an approved definition into use. */
export const toCommitArgs = (definition: Definition): [string, Uint8Array] => {
  const args = new lifecycle.CommitChaincodeDefinitionArgs();
  args.setName(definition.name);
  args.setVersion(definition.version);
  args.setSequence(definition.sequence);
  args.setEndorsementPlugin(plugins.endorsement);
  args.setValidationPlugin(plugins.validation);
  args.setValidationParameter(definition.policy);
  args.setInitRequired(definition.isInitRequired);
  return ["CommitChaincodeDefinition", args.serializeBinary()];
};
