import { type Context, Contract } from "fabric-contract-api";
import { type Asset, checkDescription, checkId, checkOwner, checkValue, fromBytes, toBytes } from "./asset.ts";

const load = async (ctx: Context, id: string): Promise<Asset> => {
  const state = await ctx.stub.getState(checkId(id));
  if (state.length === 0) throw new Error(`there is no asset ${id}`);
  return fromBytes(state);
};

/** For its owner only. Which organisations must agree is the chaincode's endorsement policy's matter, not this one's. */
const loadOwn = async (ctx: Context, id: string): Promise<Asset> => {
  const asset = await load(ctx, id);
  if (asset.owner !== ctx.clientIdentity.getID()) throw new Error(`asset ${id} belongs to somebody else`);
  return asset;
};

/** Writes the asset and says so. A transaction has one event: the last that is set. */
const store = async (ctx: Context, event: string, asset: Asset): Promise<Asset> => {
  const bytes = toBytes(asset);
  await ctx.stub.putState(asset.id, bytes);
  ctx.stub.setEvent(event, bytes);
  return asset;
};

/** Most assets that one call of `list` answers. */
const largestPage = 100;

/**
 * Assets with an owner: whoever creates one owns it, and only its owner changes, hands over or deletes it. Arguments and
 * results are strings and JSON. Nothing here reads a clock or chance: every endorser must come to the same result.
 */
export class AssetTransfer extends Contract {
  constructor() {
    super("AssetTransfer");
  }

  /** The caller's id, which others name when they hand over an asset. */
  async whoAmI(ctx: Context): Promise<string> {
    return ctx.clientIdentity.getID();
  }

  async create(ctx: Context, id: string, description: string, value: string): Promise<Asset> {
    const existing = await ctx.stub.getState(checkId(id));
    if (existing.length > 0) throw new Error(`there is an asset ${id} already`);
    const owner = ctx.clientIdentity.getID();
    return store(ctx, "AssetCreated", {
      id,
      owner,
      description: checkDescription(description),
      value: checkValue(value),
    });
  }

  async read(ctx: Context, id: string): Promise<Asset> {
    return load(ctx, id);
  }

  async update(ctx: Context, id: string, description: string, value: string): Promise<Asset> {
    const asset = await loadOwn(ctx, id);
    return store(ctx, "AssetUpdated", {
      ...asset,
      description: checkDescription(description),
      value: checkValue(value),
    });
  }

  async transfer(ctx: Context, id: string, newOwner: string): Promise<Asset> {
    const asset = await loadOwn(ctx, id);
    return store(ctx, "AssetTransferred", { ...asset, owner: checkOwner(newOwner) });
  }

  /** Its history stays in the blocks; the current state has it no more. */
  async delete(ctx: Context, id: string): Promise<void> {
    const asset = await loadOwn(ctx, id);
    await ctx.stub.deleteState(id);
    ctx.stub.setEvent("AssetDeleted", toBytes(asset));
  }

  /**
   * A page of all assets in the order of their ids, from the id `from` on (empty: from the first). `next` is where the
   * following page begins, or empty.
   */
  async list(ctx: Context, from: string): Promise<{ assets: Asset[]; next: string }> {
    const iterator = await ctx.stub.getStateByRange(from === "" ? "" : checkId(from), "");
    try {
      const assets: Asset[] = [];
      for (let { value, done } = await iterator.next(); !done; { value, done } = await iterator.next()) {
        if (assets.length === largestPage) return { assets, next: value.key };
        assets.push(fromBytes(value.value));
      }
      return { assets, next: "" };
    } finally {
      await iterator.close();
    }
  }
}
