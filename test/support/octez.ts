import { InMemorySigner } from "@taquito/signer";
import { TezosToolkit } from "@taquito/taquito";
import type { Customer } from "./customer.ts";

/** The version that the stand-in is called. */
export const octezVersion = "25.1";

/** Three bakers and a node for callers, with a block each second. */
export const octezBody = (customer: Pick<Customer, "appId">, settings: object = {}) => ({
  ...{ appId: customer.appId, name: "ledger", framework: "octez", plan: "standard", regions: ["local"] },
  hosting: "dedicated" as const,
  settings: { bakers: 3, constants: { minimalBlockDelay: 1, delayIncrementPerRound: 1 }, ...settings },
});

/** A developer's own account. Its key is one that every sandbox has, worth nothing anywhere. */
export const tezosAccount = async () => {
  const signer = await InMemorySigner.fromSecretKey("edsk3RFgDiCt7tWB2oe96w1eRw72iYiiqZPLu9nnEY23MYRp2d8Kkx");
  return { signer, address: await signer.publicKeyHash() };
};

/** Taquito as a developer has it, with nothing changed but how often it looks. */
export const toolkitAt = (url: string, signer: InMemorySigner): TezosToolkit => {
  const toolkit = new TezosToolkit(url);
  toolkit.setProvider({ signer, config: { confirmationPollingTimeoutSecond: 60, defaultConfirmationCount: 1 } });
  return toolkit;
};
