import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { quickstartToken } from "@portolan/frameworks";
import { Contract, ContractFactory, HDNodeWallet, JsonRpcProvider, NonceManager } from "ethers";
import { type Abi, createPublicClient, createWalletClient, encodeDeployData, type Hex, http } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Chain, type Customer, createChain, signUp } from "../support/customer.ts";
import { postRaw, type RpcAnswer, rpc } from "../support/json-rpc.ts";
import { type Plane, startPlane } from "../support/plane.ts";

const supply = 1_000_000n * 10n ** 18n;
const bob = "0x00000000000000000000000000000000000b0b0b";
const tenEther = `0x${(10n ** 19n).toString(16)}`;

let plane: Plane;
let customer: Customer;
let chain: Chain;

beforeAll(async () => {
  plane = await startPlane();
  customer = await signUp(plane);
  chain = await createChain(plane, customer);
});
afterAll(() => plane?.stop());

describe("ordinary clients through the gateway", () => {
  it("viem signs locally, deploys the token, transfers and reads", async () => {
    const account = privateKeyToAccount(generatePrivateKey());
    await rpc(chain.url, "anvil_setBalance", [account.address, tenEther]);
    const transport = http(chain.url);
    const client = createPublicClient({ transport, pollingInterval: 20 });
    const wallet = createWalletClient({ account, transport });
    const abi = quickstartToken.abi as Abi;
    const data = encodeDeployData({
      abi,
      bytecode: quickstartToken.bytecode as Hex,
      args: ["Portolan", "PTL", supply],
    });
    const deployed = await wallet.sendTransaction({ data, chain: null });
    const { contractAddress } = await client.waitForTransactionReceipt({ hash: deployed });
    if (!contractAddress) throw new Error("no contract was made");
    const token = { address: contractAddress, abi };
    const hash = await wallet.writeContract({ ...token, functionName: "transfer", args: [bob, 5n], chain: null });
    const { status, logs } = await client.waitForTransactionReceipt({ hash });
    expect(status).toBe("success");
    expect(logs).toHaveLength(1);
    expect(await client.readContract({ ...token, functionName: "balanceOf", args: [bob] })).toBe(5n);
    expect(await client.readContract({ ...token, functionName: "balanceOf", args: [account.address] })).toBe(
      supply - 5n,
    );
    await expect(
      client.simulateContract({ ...token, functionName: "transferFrom", args: [bob, account.address, 1n], account }),
    ).rejects.toThrow(/ERC20InsufficientAllowance/);
  });

  it("viem transacts on a chain without development methods, from an account that was funded at genesis", async () => {
    const account = privateKeyToAccount(generatePrivateKey());
    const settings = { fund: [{ address: account.address, balanceEther: "10" }] };
    const standard = await createChain(plane, customer, { name: "standard", plan: "standard", settings });
    const transport = http(standard.url);
    const client = createPublicClient({ transport, pollingInterval: 20 });
    const wallet = createWalletClient({ account, transport });
    const hash = await wallet.sendTransaction({ to: bob, value: 10n ** 18n, chain: null });
    expect((await client.waitForTransactionReceipt({ hash })).status).toBe("success");
    expect(await client.getBalance({ address: bob })).toBe(10n ** 18n);
    await expect(rpc(standard.url, "anvil_setBalance", [bob, tenEther])).rejects.toThrow();
  });

  it("ethers does the same, in the batches that it makes by itself", async () => {
    const provider = new JsonRpcProvider(chain.url, undefined, { pollingInterval: 50 });
    try {
      const wallet = HDNodeWallet.createRandom().connect(provider);
      await provider.send("anvil_setBalance", [wallet.address, tenEther]);
      const abi = JSON.stringify(quickstartToken.abi);
      // ethers asks for a nonce at most every quarter of a second: who is faster counts by itself.
      const signer = new NonceManager(wallet);
      const factory = new ContractFactory(abi, quickstartToken.bytecode, signer);
      const contract = await factory.deploy("Portolan", "PTL", supply);
      const token = new Contract(await contract.getAddress(), abi, signer);
      await contract.waitForDeployment();
      const sent = await token.getFunction("transfer")(bob, 9n);
      expect((await sent.wait())?.status).toBe(1);
      const [held, name, network] = await Promise.all([
        token.getFunction("balanceOf")(bob),
        token.getFunction("name")(),
        provider.getNetwork(),
      ]);
      expect(held).toBe(9n);
      expect(name).toBe("Portolan");
      expect(network.chainId).toBe(BigInt(String(await rpc(chain.url, "eth_chainId"))));
    } finally {
      provider.destroy();
    }
  });

  it("`hardhat test` compiles with npm's solc and runs a project's tests on it", async () => {
    const work = await mkdtemp(join(tmpdir(), "portolan-hardhat-"));
    try {
      const { code, output } = await hardhatTest(work, chain.url);
      expect(output).toContain("2 passing");
      expect(code).toBe(0);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  });
});

const hardhatTest = async (work: string, url: string): Promise<{ code: number | null; output: string }> => {
  const cli = join(dirname(createRequire(import.meta.url).resolve("hardhat/package.json")), "dist/src/cli.js");
  const { VITEST: _vitest, NODE_OPTIONS: _options, ...environment } = process.env;
  const child = spawn(process.execPath, [cli, "test"], {
    cwd: fileURLToPath(new URL("../fixtures/hardhat", import.meta.url)),
    env: { ...environment, FIXTURE_WORK: work, FIXTURE_URL: url, HOME: work, CI: "true" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, output };
};

/** Ids as a client may write them; all of them must come back as they were, byte for byte. */
const oddIds = [
  '"a"',
  '""',
  '"1"',
  "1",
  "0",
  "-7",
  "1.0",
  "1.50",
  "1e3",
  "1E+2",
  "-0",
  "12345678901234567890123456789",
  "9007199254740993",
  '"\\u00e9"',
  '"é"',
  '"\\/"',
  '"a\\"b"',
  '"\\ud83d\\ude00"',
  '"😀"',
  '" "',
  '"null"',
  "null",
];

describe("raw calls", () => {
  it("answer a batch of 50 in order, each with its own id byte for byte", async () => {
    const ids = Array.from({ length: 50 }, (_, index) => oddIds[index] ?? `"id-${index}"`);
    const items = ids.map((id, index) => {
      const call =
        index % 3 === 0
          ? '"method":"eth_chainId","params":[]'
          : index % 3 === 1
            ? '"method":"eth_getBalance","params":["0x00000000000000000000000000000000000b0b0b","latest"]'
            : '"method":"web3_sha3","params":["0x68656c6c6f"]';
      return `{"jsonrpc":"2.0","id":${id},${call}}`;
    });
    const { status, text } = await postRaw(chain.url, `[${items.join(",\n ")}]`);
    expect(status).toBe(200);
    const answers: RpcAnswer[] = JSON.parse(text);
    const said = [...text.matchAll(/"id":("(?:[^"\\]|\\.)*"|[^,}\s]+)/g)].map(([, id]) => id);
    expect(said).toEqual(ids);
    expect(answers.every(({ result, error }) => error === undefined && typeof result === "string")).toBe(true);
  });

  it("judge each item of a batch by itself", async () => {
    const batch = [
      { jsonrpc: "2.0", id: 1, method: "eth_blockNumber" },
      { jsonrpc: "2.0", id: 2, method: "anvil_setRpcUrl", params: ["http://127.0.0.1:1"] },
      { jsonrpc: "2.0", id: 3, method: "no_such_method" },
      { jsonrpc: "1.0", id: 4, method: "eth_blockNumber" },
      7,
      { jsonrpc: "2.0", method: "eth_blockNumber" },
      { jsonrpc: "2.0", id: 6, method: "eth_call", params: [{ to: "nonsense" }, "latest"] },
    ];
    const { status, text } = await postRaw(chain.url, JSON.stringify(batch));
    expect(status).toBe(200);
    const answers: RpcAnswer[] = JSON.parse(text);
    expect(answers.map(({ id }) => id)).toEqual([1, 2, 3, 4, null, 6]);
    expect(answers.map(({ error }) => error !== undefined)).toEqual([false, true, true, true, true, true]);
    expect(answers[1]?.error?.data).toMatchObject({ code: expect.any(String) });
  });

  it("take the key in a header as well as in the path, and refuse without one", async () => {
    const url = `${plane.gateway}/${chain.id}`;
    const body = '{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}';
    const byHeader = await postRaw(url, body, { headers: { "x-api-key": customer.secret } });
    const byBearer = await postRaw(url, body, { headers: { authorization: `Bearer ${customer.secret}` } });
    expect([byHeader.status, byBearer.status]).toEqual([200, 200]);
    expect((await postRaw(url, body)).status).toBe(401);
    expect((await postRaw(`${url}/ptl_nothing`, body)).status).toBe(401);
  });

  it("are refused with 401 within a second of the key's end", async () => {
    const { sdk, appId } = customer;
    const body = '{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}';
    const tookMs: number[] = [];
    for (const name of ["short", "shorter", "shortest"]) {
      const key = await sdk.keys.create({ params: { app: appId }, body: { name, scopes: ["rpc"] } });
      const url = `${plane.gateway}/${chain.id}/${key.secret}`;
      await expect.poll(async () => (await postRaw(url, body)).status).toBe(200);
      await sdk.keys.revoke({ params: { app: appId, key: key.id } });
      const revokedAt = performance.now();
      await expect.poll(async () => (await postRaw(url, body)).status, { interval: 20 }).toBe(401);
      tookMs.push(performance.now() - revokedAt);
    }
    // The quickest of three: what the machine is busy with besides is not the gateway's.
    expect(Math.min(...tookMs)).toBeLessThan(1_000);
  });
});
