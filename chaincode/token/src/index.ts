import { Token } from "./token.ts";

/** What fabric-shim looks for: the classes of this chaincode, the first of them the default one. */
export const contracts = [Token];
