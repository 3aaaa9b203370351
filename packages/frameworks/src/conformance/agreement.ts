import type {
  AddressesByRegion,
  Blueprint,
  BlueprintNode,
  ChainSpec,
  EnvValue,
  JsonValue,
  MaterialItem,
  MaterialRef,
  NetworkRule,
  NodeSpec,
  Text,
} from "@portolan/domain";
import { canonicalJson } from "@portolan/domain";
import type { Framework } from "../framework.ts";
import { must } from "./compute.ts";

/** What a framework made of one chain, in all its regions. */
export interface Rendered {
  spec: Pick<ChainSpec, "regions">;
  nodes: readonly NodeSpec[];
  addresses: AddressesByRegion;
  material: readonly MaterialItem[];
  blueprints: { readonly [region: string]: Blueprint };
}

const words = (text: Text): string =>
  typeof text === "string" ? text : Array.isArray(text) ? text.map((piece) => words(piece)).join("") : "";

const publicText = (material: readonly MaterialItem[], ref: MaterialRef): string => {
  const whole = material.find(({ name, version }) => name === ref.material && version === ref.version)?.public;
  const value = ref.field === undefined ? whole : (whole as { [name: string]: JsonValue } | undefined)?.[ref.field];
  return typeof value === "string" ? value : canonicalJson(value ?? null);
};

const ofEnv = (value: EnvValue): string =>
  typeof value === "object" && !Array.isArray(value) && "secret" in value ? "" : words(value as Text);

/** Everything that a node's programs are told in the open. */
const toldTo = (node: BlueprintNode, material: readonly MaterialItem[]): string => {
  const programs = [...node.init, ...node.jobs, ...node.processes];
  const files = node.files.map(({ content }) => {
    if ("text" in content) return words(content.text);
    return "public" in content ? publicText(material, content.public) : "";
  });
  const given = programs.flatMap(({ args, env }) => [
    ...args.map((arg) => words(arg)),
    ...Object.values(env).map((value) => ofEnv(value)),
  ]);
  return [...given, ...files].join("\n");
};

/** Whether the number stands in the text by itself, not as a part of a longer one. */
const hasNumber = (text: string, number: number): boolean => new RegExp(`(?<!\\d)${number}(?!\\d)`).test(text);

const ruleKey = ({ from, to }: NetworkRule): string =>
  `${typeof from === "string" ? from : `${from.region}/${from.node}`} → ${to.node}/${to.port}`;

/** Rules of one region name nodes and ports that there are, each once. */
const checkRules = ({ nodes }: Rendered, blueprint: Blueprint): void => {
  const keys = blueprint.network.map(ruleKey);
  must(new Set(keys).size === keys.length, "a network rule stands there twice");
  for (const rule of blueprint.network) {
    const { from, to } = rule;
    const port = blueprint.nodes.find(({ name }) => name === to.node)?.ports.find(({ name }) => name === to.port);
    must(port !== undefined, `${ruleKey(rule)} leads to no port of this region`);
    must(
      typeof from === "string" || nodes.some(({ name, region }) => name === from.node && region === from.region),
      `${ruleKey(rule)} comes from no node of the chain`,
    );
    must(typeof from === "string" || from.node !== to.node, `${ruleKey(rule)} leads from a node to itself`);
    must(from !== "world" || port?.exposure === "public", `${ruleKey(rule)} opens a port that is not public`);
    must(
      from !== "gateway" || port?.exposure === "gateway" || port?.exposure === "public",
      `${ruleKey(rule)} lets the gateway in to a port that is not its`,
    );
  }
};

/** The gateway reaches what a protocol says that it serves, on every node of that role, and nothing else. */
const checkGateway = (framework: Framework, { nodes }: Rendered, blueprint: Blueprint): void => {
  const isServed = (role: string, port: string): boolean =>
    framework.protocols.some((protocol) => protocol.role === role && protocol.port === port);
  const opened = new Set(
    blueprint.network.flatMap(({ from, to }) => (from === "gateway" ? `${to.node}/${to.port}` : [])),
  );
  const asks = new Set(blueprint.network.flatMap(({ from, to }) => (from === "worker" ? `${to.node}/${to.port}` : [])));
  for (const { name, role, ports } of nodes.filter((node) => blueprint.nodes.some((one) => one.name === node.name)))
    for (const port of ports) {
      const key = `${name}/${port.name}`;
      must(isServed(role, port.name) === opened.has(key), `the gateway and ${key}: served and opened are not the same`);
      must(port.exposure !== "admin" || asks.has(key), `${key} is for the worker, which can't reach it`);
    }
};

/** A probe asks its own node's port; the node's programs are told the number of each port that they are to listen on. */
const checkPorts = ({ material }: Rendered, blueprint: Blueprint): void => {
  for (const node of blueprint.nodes) {
    const told = toldTo(node, material);
    for (const { name, bindNumber } of node.ports)
      must(hasNumber(told, bindNumber), `${node.name} is not told to listen on its port ${name}`);
    for (const { name, probe } of node.processes)
      must(
        probe === undefined || node.ports.some((port) => port.name === probe.port),
        `${node.name}/${name} is probed at no port of its node`,
      );
  }
};

/** Whatever address of another node stands in what a node is told, it may go there, and it is the one to be dialled. */
const checkDialled = ({ addresses, blueprints, nodes, material }: Rendered): void => {
  const rules = new Set(Object.values(blueprints).flatMap(({ network }) => network.map(ruleKey)));
  for (const [region, { nodes: here }] of Object.entries(blueprints))
    for (const node of here) {
      const told = toldTo(node, material);
      for (const { node: other, port, number, bindNumber } of Object.values(addresses).flat()) {
        if (other === node.name) continue;
        const key = ruleKey({ from: { node: node.name, region }, to: { node: other, port } });
        must(!hasNumber(told, number) || rules.has(key), `${node.name} dials ${other}/${port} and may not`);
        must(!hasNumber(told, bindNumber), `${node.name} is told where ${other} listens, not where it is dialled`);
      }
    }
  const groups = Object.values(blueprints).flatMap(({ spread }) => spread.flatMap((group) => group.nodes));
  must(
    groups.every((name) => nodes.some((node) => node.name === name)),
    "a node is to be kept apart that is not there",
  );
};

/** Addresses, network rules and probes of all a chain's blueprints agree with each other and with the protocols. */
export const checkAgreement = (framework: Framework, rendered: Rendered): void => {
  for (const blueprint of Object.values(rendered.blueprints)) {
    checkRules(rendered, blueprint);
    checkGateway(framework, rendered, blueprint);
    checkPorts(rendered, blueprint);
  }
  checkDialled(rendered);
};
