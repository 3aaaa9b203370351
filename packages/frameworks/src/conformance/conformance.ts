import type {
  AddressesByRegion,
  Blueprint,
  ChainSpec,
  EnvValue,
  InitSpec,
  JsonObject,
  MaterialRef,
  NewMaterialItem,
  NodeSpec,
  Signer,
  Text,
} from "@portolan/domain";
import { isDirectoryOf, isFileName } from "@portolan/domain";
import type { Framework } from "../framework.ts";
import { checkAgreement } from "./agreement.ts";
import { type ConformanceFixture, compute, freeze, must, mustEqual, withoutSecret } from "./compute.ts";

export type { ConformanceFixture } from "./compute.ts";

/** The parts of a test runner that the suite needs, so that an adapter elsewhere may bring its own. */
export interface TestRunner {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void> | void): void;
}

export interface ConformanceFixtures {
  runner: TestRunner;
  specs: readonly ConformanceFixture[];
  /** Required by frameworks that keep an authority's key in custody. */
  signer?: Signer;
}

const exposures = ["internal", "admin", "gateway", "public"];
const noSigner: Signer = {
  createKey: async () => {
    throw new Error("the fixtures have no signer");
  },
  sign: async () => {
    throw new Error("the fixtures have no signer");
  },
};

/** The words of a text that a framework wrote itself; paths and secrets are put in by the runtime. */
const literals = (text: Text): string[] =>
  typeof text === "string" ? [text] : Array.isArray(text) ? text.flatMap((piece) => literals(piece)) : [];

const programsOf = (blueprint: Blueprint): readonly Pick<InitSpec, "name" | "args" | "env">[] =>
  blueprint.nodes.flatMap((node) => [...node.init, ...node.jobs, ...node.processes]);

const isSecretEnv = (value: EnvValue): value is { secret: MaterialRef } =>
  typeof value === "object" && !Array.isArray(value) && "secret" in value;

/** Every text of at least 16 characters inside a secret; shorter ones would be found by accident. */
const secretTexts = (made: readonly NewMaterialItem[]): string[] =>
  made.flatMap(({ secret }) => {
    if (secret === undefined) return [];
    const text = new TextDecoder().decode(secret);
    const inner = text.match(/"secretKey":\s*"0x([0-9a-f]{64})"/g)?.map((match) => match.slice(-65, -1)) ?? [];
    return [text, Buffer.from(secret).toString("hex"), Buffer.from(secret).toString("base64"), ...inner].filter(
      (candidate) => candidate.length >= 16,
    );
  });

const checkSecrets = (blueprints: { [region: string]: Blueprint }, made: readonly NewMaterialItem[]) => {
  const secrets = secretTexts(made);
  const whole = JSON.stringify(blueprints) + JSON.stringify(made.map(withoutSecret));
  must(!secrets.some((secret) => whole.includes(secret)), "a secret stands in the blueprint or in public material");
  for (const blueprint of Object.values(blueprints)) {
    for (const program of programsOf(blueprint)) {
      const words = [
        ...program.args.flatMap((arg) => literals(arg)),
        ...Object.values(program.env).flatMap((value) => (isSecretEnv(value) ? [] : literals(value))),
      ];
      must(
        !words.some((word) => /--(?:mnemonic|private-?key|password)/i.test(word)),
        `${program.name} takes a secret argument`,
      );
    }
  }
};

const checkNode = (blueprint: Blueprint, addresses: AddressesByRegion[string], made: readonly NewMaterialItem[]) => {
  for (const node of blueprint.nodes) {
    const names = node.processes.map(({ name }) => name);
    must(new Set(names).size === names.length, "two processes of a node have the same name");
    for (const port of node.ports) {
      const found = addresses.find((address) => address.node === node.name && address.port === port.name);
      must(
        found?.bindNumber === port.bindNumber && found.number === port.number,
        `${node.name}/${port.name} is not the reserved one`,
      );
      must(exposures.includes(port.exposure), `${node.name}/${port.name} has no exposure`);
    }
    for (const process of node.processes) {
      must(
        process.after.every((name) => names.includes(name)),
        `${process.name} waits for a process that is not there`,
      );
      must(
        process.probe === undefined || node.ports.some(({ name }) => name === process.probe?.port),
        `${process.name} is probed at no port`,
      );
      for (const arg of process.args) checkPaths(arg, node);
      for (const value of Object.values(process.env)) if (!isSecretEnv(value)) checkPaths(value, node);
    }
    const files = node.files.map(({ name }) => name);
    must(new Set(files).size === files.length, `${node.name} has two files of one name`);
    for (const { content, mode, name } of node.files) {
      must(isFileName(name), `${name} is no name of a file`);
      must(!files.some((other) => other.startsWith(`${name}/`)), `${name} is a file and a directory`);
      must(Number.isInteger(mode) && mode > 0 && mode <= 0o777, `${name} has no mode`);
      // The program may run it and others may read it; only what the plane writes may be in it.
      must((mode & 0o022) === 0, `${name} can be written by others`);
      if ("text" in content) checkPaths(content.text, node);
      if ("public" in content)
        must(
          made.some((item) => item.name === content.public.material && item.version === content.public.version),
          `${name} refers to no material`,
        );
      if (!("secret" in content)) continue;
      must((mode & 0o077) === 0, `${name} holds a secret and is readable by others`);
      must(
        made.some((item) => item.name === content.secret.material && item.hasSecret),
        `${name} refers to no secret`,
      );
    }
  }
};

const checkPaths = (text: Text, node: Blueprint["nodes"][number]): void => {
  for (const piece of Array.isArray(text) ? text : [text]) {
    if (typeof piece === "string") continue;
    if ("file" in piece)
      must(
        node.files.some(({ name }) => name === piece.file),
        `there is no file ${piece.file}`,
      );
    else if ("directory" in piece)
      must(isDirectoryOf(node.files, piece.directory), `there is no directory ${piece.directory}`);
    else
      must(
        node.volumes.some(({ name }) => name === piece.volume),
        `there is no volume ${piece.volume}`,
      );
  }
};

const checkTopology = (nodes: readonly NodeSpec[], spec: ChainSpec) => {
  must(nodes.length > 0, "the chain has no nodes");
  for (const node of nodes) {
    const isNamed = node.name.startsWith(`${node.role}-`) && node.name.endsWith(`-${node.ordinal}`);
    must(isNamed, `${node.name} is not named after its role and ordinal`);
    must(/^[a-z][a-z0-9-]{0,39}$/.test(node.name), `${node.name} is no name for DNS`);
    must(spec.regions.includes(node.region), `${node.name} stands in a region of nobody's choice`);
    const names = node.ports.map(({ name }) => name);
    must(new Set(names).size === names.length, `${node.name} has two ports of one name`);
    must(
      node.ports.every(({ exposure }) => exposures.includes(exposure)),
      `${node.name} has a port without an exposure`,
    );
  }
  const keys = nodes.map(({ name, region }) => `${region}/${name}`);
  must(new Set(keys).size === keys.length, "two nodes have the same name");
};

const describeFacts = (framework: Framework, { it }: TestRunner, first: ConformanceFixture | undefined) => {
  it("has plans, versions and protocols that are whole", () => {
    must(framework.plans.length > 0, "there is no plan");
    for (const { plan, title, limits, recoveryWindowSeconds } of framework.plans) {
      must(plan !== "" && title !== "", "a plan has no name");
      must(Object.keys(limits).length > 0, `plan ${plan} states no limits`);
      must(recoveryWindowSeconds >= 0, `plan ${plan} has no recovery window`);
    }
    must(
      framework.versions.filter(({ isDefault }) => isDefault).length === 1,
      "not exactly one version is the default",
    );
    const versions = framework.versions.map(({ version }) => version);
    must(
      framework.versions.every(({ upgradesTo }) => upgradesTo.every((to) => versions.includes(to))),
      "an upgrade leads nowhere",
    );
    const roles = framework.roles.map(({ role }) => role);
    must(
      framework.protocols.every(({ role }) => roles.includes(role)),
      "a protocol goes to a role that is not there",
    );
  });
  it("refuses settings that it does not know", () => {
    const settings: JsonObject = { ...(first?.spec.settings ?? {}), ["surprising member"]: 1 };
    must(!framework.settings.safeParse(settings).success, "an unknown member was taken");
  });
};

const describeSpec = (framework: Framework, fixture: ConformanceFixture, runner: TestRunner, signer: Signer) => {
  const { it } = runner;
  it("takes its own settings and says no more of them on a second pass", () => {
    const once = framework.settings.parse(structuredClone(fixture.spec.settings));
    mustEqual(framework.settings.parse(once), once, "parsed settings are not stable");
    const found = framework.review({ ...fixture.spec, settings: once }, fixture.operator ?? { forks: [] });
    must(found.length === 0, `the fixture is refused: ${found.map(({ message }) => message).join(" ")}`);
  });
  it("derives the same nodes each time, also after a change of name or generation", () => {
    const nodes = framework.topology(freeze(structuredClone(fixture.spec)));
    checkTopology(nodes, fixture.spec);
    const changed = { ...fixture.spec, name: "another name", generation: fixture.spec.generation + 1 };
    mustEqual(framework.topology(changed), nodes, "the nodes depend on more than what the chain consists of");
  });
  it("serves each protocol at a port of the gateway", async () => {
    const { nodes } = await compute(framework, fixture, signer);
    for (const { name, role, port } of framework.protocols) {
      const isThere = nodes.some(
        (node) => node.role === role && node.ports.some((p) => p.name === port && p.exposure === "gateway"),
      );
      must(isThere, `${name} is served at no gateway port`);
    }
  });
  it("makes material once", async () => {
    const { spec, made, material, context } = await compute(framework, fixture, signer);
    must(
      made.every(({ hasSecret, secret }) => hasSecret === (secret !== undefined)),
      "an item says another thing of its secret",
    );
    const again = await framework.material(spec, material, context());
    must(again.length === 0, `made again: ${again.map(({ name }) => name).join(", ")}`);
  });
  it("renders purely: frozen inputs, equal outputs", async () => {
    const { render } = await compute(framework, fixture, signer);
    mustEqual(render(), render(), "two renderings differ");
  });
  it("renders the topology's nodes at their reserved ports", async () => {
    const { render, nodes, addresses, made } = await compute(framework, fixture, signer);
    const blueprints = render();
    for (const [region, blueprint] of Object.entries(blueprints)) {
      mustEqual(
        blueprint.nodes.map(({ name }) => name),
        nodes.filter((node) => node.region === region).map(({ name }) => name),
        "the blueprint has other nodes than the topology",
      );
      checkNode(blueprint, addresses[region] ?? [], made);
    }
    must(
      nodes.every(({ region }) => Object.hasOwn(blueprints, region)),
      "a region has no blueprint",
    );
  });
  it("lets each node reach what it dials, and the gateway what it serves, and nobody anything else", async () => {
    const { render, spec, nodes, addresses, material } = await compute(framework, fixture, signer);
    checkAgreement(framework, { spec, nodes, addresses, material, blueprints: render() });
  });
  it("keeps secrets out of arguments, environment and public material", async () => {
    const { render, made } = await compute(framework, fixture, signer);
    checkSecrets(render(), made);
  });
};

/**
 * What every adapter must hold, whoever wrote it: names derived and stable, pure deterministic blueprints, material
 * made once, no secret outside its reference, only reserved ports, strict settings, plans with facts.
 */
export const describeFrameworkConformance = (framework: Framework, fixtures: ConformanceFixtures): void => {
  const { runner, specs, signer = noSigner } = fixtures;
  runner.describe(`framework ${framework.slug}`, () => {
    describeFacts(framework, runner, specs[0]);
    for (const fixture of specs) runner.describe(fixture.name, () => describeSpec(framework, fixture, runner, signer));
  });
};
