import { type Parameters, toTimestamp } from "./activation.ts";
import type { TezosBlock } from "./block.ts";
import type { TezosChain } from "./chain.ts";
import { type Content, forgeOperation, type Operation } from "./operation.ts";
import { failure, Refused } from "./refusal.ts";

/** What a call is answered from. */
export interface CallScene {
  chain: TezosChain;
  /** The newest block that this node has. */
  head: TezosBlock;
  peers: number;
  sync: { bootstrapped: boolean; sync_state: "synced" | "stuck" | "unsynced" };
  program: { major: number; minor: number };
  query: URLSearchParams;
  body: unknown;
}

const notFound = (what: string): Refused => new Refused([{ kind: "temporary", id: "rpc.not_found", what }], 404);

const blockOf = ({ chain, head }: CallScene, name: string): TezosBlock => {
  const [, base = "", sign, offset = "0"] = /^([A-Za-z0-9]+)(?:([~+-])(\d+))?$/.exec(name) ?? [];
  const seen = chain.blocks.filter(({ shell }) => shell.level <= head.shell.level);
  const at =
    base === "head"
      ? seen.length - 1
      : base === "genesis"
        ? 0
        : /^\d+$/.test(base)
          ? Number(base)
          : seen.findIndex(({ hash }) => hash === base);
  // Below block 0 a real node answers with block 0 as well: `head~2` of a chain that has just begun.
  const block = seen[at < 0 ? -1 : Math.max(0, at + (sign === "+" ? 1 : -1) * Number(offset))];
  if (block === undefined) throw notFound(`block ${name}`);
  return block;
};

const headerOf = ({ chain }: CallScene, { hash, shell, protocol }: TezosBlock) => ({
  protocol,
  chain_id: chain.genesis.chainId,
  hash,
  ...shell,
});

const applied = { status: "applied", consumed_milligas: "168988", storage_size: "0" };

const withResult = (content: Content) => ({
  ...content,
  metadata: { balance_updates: [], operation_result: applied },
});

const written = (chain: TezosChain, protocol: string, { hash, branch, contents }: Operation) => ({
  protocol,
  chain_id: chain.genesis.chainId,
  hash,
  branch,
  contents: contents.map(withResult),
});

const listsOf = ({ chain }: CallScene, { protocol, operations, shell }: TezosBlock): unknown[][] =>
  shell.level < 2 ? [] : [[], [], [], operations.map((operation) => written(chain, protocol, operation))];

const metadataOf = ({ protocol, nextProtocol, shell }: TezosBlock) => ({
  protocol,
  next_protocol: nextProtocol,
  test_chain_status: { status: "not_running" },
  max_operations_ttl: 8,
  level_info: { level: shell.level, level_position: shell.level - 1, cycle: 0, cycle_position: 0 },
});

/** Constants as the node lists them: the parameters' own, and some that are fixed. */
const constantsOf = ({ bootstrap_accounts: _accounts, commitments: _commitments, ...rest }: Parameters) => ({
  proof_of_work_nonce_size: 8,
  nonce_length: 32,
  max_operation_data_length: 32_768,
  ...rest,
});

const answerContract = ({ chain }: CallScene, owner: string, member: string | undefined): unknown => {
  const { balance, counter, publicKey } = chain.account(owner);
  switch (member) {
    case undefined:
      if (!chain.hasAccount(owner)) return { balance: "0", counter: "0" };
      return { balance: String(balance), counter: String(counter) };
    case "balance":
    case "spendable":
    case "full_balance":
      return String(balance);
    case "counter":
      return String(counter);
    case "manager_key":
      return publicKey ?? null;
    default:
      throw notFound(`${member} of ${owner}`);
  }
};

const member = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? (value as { [name: string]: unknown })[name] : undefined;

const text = (value: unknown, name: string): string => {
  const found = member(value, name);
  if (typeof found !== "string") throw new Refused([{ kind: "permanent", id: "rpc.cannot_parse", missing: name }], 400);
  return found;
};

const contentsOf = (value: unknown): Content[] => {
  const found = member(value, "contents");
  if (!Array.isArray(found))
    throw new Refused([{ kind: "permanent", id: "rpc.cannot_parse", missing: "contents" }], 400);
  return found as Content[];
};

const preapplyBlock = ({ chain, query, body }: CallScene): unknown => {
  const data = member(body, "protocol_data");
  if (text(data, "protocol") !== chain.genesis.protocol) throw failure("another protocol makes the next block");
  const content = member(data, "content");
  if (text(content, "command") !== "activate") throw failure("the command is not an activation");
  const fitness = member(content, "fitness");
  const timestamp = toTimestamp(BigInt(query.get("timestamp") ?? Math.floor(chain.now().getTime() / 1000)));
  const parameters = Buffer.from(text(content, "protocol_parameters"), "hex");
  const shell = chain.preapply(text(content, "hash"), Array.isArray(fitness) ? fitness : [], parameters, timestamp);
  return { shell_header: shell, operations: [] };
};

/** Simulated: what is wrong with it stands in the result. Preapplied: it is refused. */
const simulate = ({ chain, body }: CallScene): unknown => {
  const contents = contentsOf(member(body, "operation"));
  const errors = chain.problemsOf(contents);
  if (errors.length === 0) return { contents: contents.map(withResult) };
  const operation_result = { status: "failed", errors };
  return { contents: contents.map((content) => ({ ...content, metadata: { balance_updates: [], operation_result } })) };
};

const preapplyOperations = ({ chain, body }: CallScene): unknown =>
  (Array.isArray(body) ? body : []).map((operation: unknown) => {
    const contents = contentsOf(operation);
    const errors = chain.problemsOf(contents);
    if (errors.length > 0) throw new Refused(errors);
    return { contents: contents.map(withResult), signature: text(operation, "signature") };
  });

const answerBlock = (scene: CallScene, method: string, block: TezosBlock, path: string): unknown => {
  const { chain, body } = scene;
  const [, owner, part] = /^\/context\/contracts\/([A-Za-z0-9]+)(?:\/([a-z_]+))?$/.exec(path) ?? [];
  if (owner !== undefined && method === "GET") return answerContract(scene, owner, part);
  switch (`${method} ${path}`) {
    case "GET ":
      return {
        protocol: block.protocol,
        chain_id: chain.genesis.chainId,
        hash: block.hash,
        header: block.shell,
        metadata: metadataOf(block),
        operations: listsOf(scene, block),
      };
    case "GET /hash":
      return block.hash;
    case "GET /header":
      return headerOf(scene, block);
    case "GET /header/shell":
      return block.shell;
    case "GET /metadata":
      return metadataOf(block);
    case "GET /protocols":
      return { protocol: block.protocol, next_protocol: block.nextProtocol };
    case "GET /operations":
      return listsOf(scene, block);
    case "GET /operation_hashes":
      return listsOf(scene, block).map((list) => list.map((operation) => member(operation, "hash")));
    case "GET /live_blocks":
      return chain.blocks.slice(-10).map(({ hash }) => hash);
    case "GET /context/constants":
      return constantsOf(chain.parameters());
    case "POST /helpers/preapply/block":
      return preapplyBlock(scene);
    case "POST /helpers/preapply/operations":
      return preapplyOperations(scene);
    case "POST /helpers/scripts/run_operation":
    case "POST /helpers/scripts/simulate_operation":
      return simulate(scene);
    case "POST /helpers/forge/operations":
      return forgeOperation(text(body, "branch"), contentsOf(body)).toString("hex");
    default:
      throw notFound(path);
  }
};

const answerNode = (scene: CallScene, call: string): unknown => {
  const { chain, peers, sync, program, body } = scene;
  switch (call) {
    case "GET /version":
      return {
        version: { product: "octez", ...program, build: 0, additional_info: "release" },
        network_version: { chain_name: chain.genesis.chainName, distributed_db_version: 2, p2p_version: 1 },
        commit_info: null,
      };
    case "GET /protocols":
      return chain.protocols;
    case "GET /network/connections":
    case "GET /network/peers":
      return Array.from({ length: peers }, (_, index) => ({ peer_id: `peer ${index}`, incoming: index % 2 === 0 }));
    case "GET /network/stat":
      return { total_sent: "0", total_recv: "0", current_inflow: 0, current_outflow: 0 };
    case "POST /injection/block":
      return chain.injectBlock(Buffer.from(text(body, "data"), "hex"));
    case "POST /injection/operation":
      if (typeof body !== "string") throw failure("the operation is not a text");
      return chain.injectOperation(Buffer.from(body, "hex"));
    case "GET /chains/main/chain_id":
      return chain.genesis.chainId;
    case "GET /chains/main/is_bootstrapped":
      return sync;
    case "GET /chains/main/mempool/filter":
      return {
        minimal_fees: "100",
        minimal_nanotez_per_gas_unit: ["100", "1"],
        minimal_nanotez_per_byte: ["1000", "1"],
        allow_script_failure: true,
      };
    case "GET /chains/main/mempool/pending_operations":
      return {
        validated: chain.pending.map(({ hash, branch, contents }) => ({ hash, branch, contents })),
        refused: [],
        outdated: [],
        branch_refused: [],
        branch_delayed: [],
        unprocessed: [],
      };
    default:
      throw notFound(call);
  }
};

/** The answer's JSON value. Throws `Refused`. The chain has one name, `main`, as in calls that come from the gateway. */
export const answer = (scene: CallScene, method: string, path: string): unknown => {
  const [, name, rest = ""] = /^\/chains\/main\/blocks\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  if (name !== undefined) return answerBlock(scene, method, blockOf(scene, name), rest);
  return answerNode(scene, `${method} ${path}`);
};
