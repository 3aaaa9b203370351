/** Peers of the region that take part in the chaincode's channel, by their organisation. */
export interface LocalPeers {
  readonly [organisation: string]: readonly string[];
}
