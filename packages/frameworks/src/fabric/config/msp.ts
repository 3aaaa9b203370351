import { msp } from "@hyperledger/fabric-protos";
import type { OrgDescription } from "./description.ts";

const utf8 = new TextEncoder();

const toUnit = (unit: string, ca: Uint8Array): msp.FabricOUIdentifier => {
  const identifier = new msp.FabricOUIdentifier();
  identifier.setCertificate(ca);
  identifier.setOrganizationalUnitIdentifier(unit);
  return identifier;
};

/**
 * An organisation's `MSPConfig` for a channel: its roots, its revoked certificates, and roles told by the
 * organisational unit in a certificate's subject (F:msp/configbuilder.go).
 */
export const toMspConfig = (organisation: OrgDescription): Uint8Array => {
  const ca = utf8.encode(organisation.caPem);
  const crypto = new msp.FabricCryptoConfig();
  crypto.setSignatureHashFamily("SHA2");
  crypto.setIdentityIdentifierHashFunction("SHA256");
  const units = new msp.FabricNodeOUs();
  units.setEnable(true);
  units.setClientOuIdentifier(toUnit("client", ca));
  units.setPeerOuIdentifier(toUnit("peer", ca));
  units.setAdminOuIdentifier(toUnit("admin", ca));
  units.setOrdererOuIdentifier(toUnit("orderer", ca));
  const fabric = new msp.FabricMSPConfig();
  fabric.setName(organisation.mspId);
  fabric.setRootCertsList([ca]);
  fabric.setTlsRootCertsList([utf8.encode(organisation.tlsCaPem)]);
  if (organisation.crlPem !== undefined) fabric.setRevocationListList([utf8.encode(organisation.crlPem)]);
  fabric.setCryptoConfig(crypto);
  fabric.setFabricNodeOus(units);
  const config = new msp.MSPConfig();
  config.setType(0);
  config.setConfig(fabric.serializeBinary());
  return config.serializeBinary();
};
