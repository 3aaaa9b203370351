import type { NodeSpec, Step } from "@portolan/domain";
import { byRegion } from "../../nodes-by-region.ts";
import { shortHash } from "../../short-hash.ts";
import { chaincodePackageOf } from "../chaincode/package.ts";
import { type ChaincodeWish, chaincodeKey, toChaincodeWish } from "../chaincode-wish.ts";
import type { SeenChaincode } from "../facts.ts";
import { isCommitted, isElsewhere, missingApprovals, silentPeers, wantedSequence } from "../inspect/ask-chaincode.ts";
import { unplannedPeers } from "../inspect/ask-plan.ts";
import type { ChaincodeSettings, Part } from "../parts.ts";
import { readSettings } from "../settings.ts";
import { peersOf } from "../topology.ts";
import { listed, type Scene, toStep } from "./scene.ts";

const installTimeoutMs = 120_000;
const agreeTimeoutMs = 120_000;
const callTimeoutMs = 60_000;
const planTimeoutMs = 90_000;

const unseen: SeenChaincode = {
  at: "",
  committed: null,
  approvals: {},
  answered: {},
  planned: {},
  isInitialised: null,
};

/** What the regions know of it, laid together; the highest sequence is the newest. */
export const mergedChaincode = (
  scene: Scene,
  wish: Pick<ChaincodeWish, "channel" | "name"> & { address?: string },
): SeenChaincode => {
  const all = Object.values(scene.facts)
    .flatMap((facts) => facts.chaincodes[chaincodeKey(wish)] ?? [])
    .map((seen) => (isElsewhere(wish, seen) ? { ...seen, answered: {} } : seen));
  return all.reduce((merged, seen) => {
    const isNewer = (seen.committed?.sequence ?? 0) >= (merged.committed?.sequence ?? 0);
    const [newer, older] = isNewer ? [seen, merged] : [merged, seen];
    return {
      ...newer,
      approvals: { ...older.approvals, ...newer.approvals },
      answered: { ...older.answered, ...newer.answered },
      planned: { ...older.planned, ...newer.planned },
      isInitialised: newer.isInitialised ?? older.isInitialised,
    };
  }, unseen);
};

interface Draft {
  scene: Scene;
  part: Part<ChaincodeSettings>;
  wish: ChaincodeWish;
  seen: SeenChaincode;
}

const peersOfOrganisation = (scene: Scene, organisation: string): NodeSpec[] => {
  const found = readSettings(scene.spec.settings).organisations.find(({ name }) => name === organisation);
  const names = found === undefined ? [] : peersOf(found);
  return scene.nodes.filter(({ name }) => names.includes(name));
};

const hostingPeers = ({ scene, wish }: Draft): NodeSpec[] =>
  wish.hosts.flatMap((organisation) => peersOfOrganisation(scene, organisation));

const install = (draft: Draft, before: readonly Step[]): Step[] => {
  const { scene, part, wish } = draft;
  const made = chaincodePackageOf(scene.spec, part, scene);
  if (made === undefined) return [];
  const missing = hostingPeers(draft).filter(
    ({ name, region }) => scene.facts[region]?.installed[name]?.packages.includes(wish.packageId) !== true,
  );
  return byRegion(missing).map(([region, nodes]) =>
    toStep({
      key: `chaincode/${chaincodeKey(wish)}/install/${shortHash([nodes, wish.packageId])}`,
      action: "chaincode.install",
      title: `Install chaincode ${wish.name} on ${listed(nodes)}`,
      region,
      input: { name: wish.name, nodes, package: Buffer.from(made.bytes).toString("base64") },
      part: part.id,
      timeoutMs: installTimeoutMs,
      after: before,
    }),
  );
};

/** The first peer of each organisation speaks for it, where it stands. */
const speakers = (scene: Scene, organisations: readonly string[]): Map<string, string[]> => {
  const regions = new Map<string, string[]>();
  for (const organisation of organisations) {
    const region = peersOfOrganisation(scene, organisation)[0]?.region;
    if (region !== undefined) regions.set(region, [...(regions.get(region) ?? []), organisation]);
  }
  return regions;
};

const approve = ({ scene, part, wish, seen }: Draft, before: readonly Step[]): Step[] => {
  const missing = missingApprovals(wish, seen, wish.organisations);
  const sequence = wantedSequence(wish, seen.committed);
  return [...speakers(scene, missing)].map(([region, organisations]) =>
    toStep({
      key: `chaincode/${chaincodeKey(wish)}/approve/${sequence}/${shortHash([organisations, wish])}`,
      action: "chaincode.approve",
      title: `Approve chaincode ${wish.name} ${wish.version} for ${listed(organisations)}`,
      region,
      input: { channel: wish.channel, name: wish.name, organisations },
      part: part.id,
      timeoutMs: agreeTimeoutMs,
      after: before,
    }),
  );
};

const one = (
  draft: Draft,
  step: { kind: "commit" | "init"; title: string; timeoutMs: number; input?: object },
  before: readonly Step[],
): Step[] => {
  const { scene, part, wish, seen } = draft;
  const region = hostingPeers(draft)[0]?.region;
  if (region === undefined) return [];
  const sequence = wantedSequence(wish, seen.committed);
  return [
    toStep({
      key: `chaincode/${chaincodeKey(wish)}/${step.kind}/${sequence}/${shortHash([wish, scene.spec.regions])}`,
      action: `chaincode.${step.kind}`,
      title: step.title,
      region,
      input: { channel: wish.channel, name: wish.name, ...step.input },
      part: part.id,
      timeoutMs: step.timeoutMs,
      after: before,
    }),
  ];
};

const reach = (draft: Draft, before: readonly Step[]): Step[] => {
  const { part, wish, seen } = draft;
  const hosting = hostingPeers(draft);
  const silent = isCommitted(wish, seen)
    ? new Set(
        silentPeers(
          seen,
          hosting.map(({ name }) => name),
        ),
      )
    : null;
  const wanted = hosting.filter(({ name }) => silent?.has(name) ?? true);
  return byRegion(wanted).map(([region, nodes]) =>
    toStep({
      key: `chaincode/${chaincodeKey(wish)}/reach/${wantedSequence(wish, seen.committed)}/${shortHash([nodes, wish])}`,
      action: "chaincode.reach",
      title: `Call chaincode ${wish.name} from ${listed(nodes)}`,
      region,
      input: { channel: wish.channel, name: wish.name, nodes },
      part: part.id,
      timeoutMs: callTimeoutMs,
      after: before,
    }),
  );
};

/** Each peer at which applications call it must have heard which peers endorse it: gossip takes its time. */
const find = (draft: Draft, before: readonly Step[]): Step[] => {
  const { scene, part, wish, seen } = draft;
  const planning = wish.planners.flatMap((organisation) => peersOfOrganisation(scene, organisation));
  const missing = isCommitted(wish, seen)
    ? new Set(
        unplannedPeers(
          wish,
          seen,
          planning.map(({ name }) => name),
        ),
      )
    : null;
  const wanted = planning.filter(({ name }) => missing?.has(name) ?? true);
  return byRegion(wanted).map(([region, nodes]) =>
    toStep({
      key: `chaincode/${chaincodeKey(wish)}/find/${wantedSequence(wish, seen.committed)}/${shortHash([nodes, wish])}`,
      action: "chaincode.find",
      title: `Let ${listed(nodes)} find who endorses chaincode ${wish.name}`,
      region,
      input: { channel: wish.channel, name: wish.name, nodes },
      part: part.id,
      timeoutMs: planTimeoutMs,
      after: before,
    }),
  );
};

/** Until it is agreed upon, and the first calls of it after that. */
export interface ChaincodeSteps {
  agree: Step[];
  call: Step[];
  /** It was called before and did not answer. */
  isTroubled: boolean;
}

/** Install, approve, commit; then initialise where that is wished, and find that it answers. */
export const chaincodeSteps = (
  scene: Scene,
  part: Part<ChaincodeSettings>,
  ofChannels: readonly Step[],
): ChaincodeSteps => {
  const wish = toChaincodeWish(scene.spec, part, scene);
  if (wish === undefined) return { agree: [], call: [], isTroubled: false };
  const seen = mergedChaincode(scene, wish);
  const draft: Draft = { scene, part, wish, seen };
  const before = ofChannels.filter((step) => step.input["channel"] === wish.channel);
  const installed = install(draft, before);
  const approved = approve(draft, [...before, ...installed]);
  const committed = isCommitted(wish, seen)
    ? []
    : one(
        draft,
        { kind: "commit", title: `Take chaincode ${wish.name} ${wish.version} into use`, timeoutMs: agreeTimeoutMs },
        [...before, ...installed, ...approved],
      );
  const agree = [...installed, ...approved, ...committed];
  const { init } = part.settings;
  const isReady = isCommitted(wish, seen) && seen.isInitialised === true;
  const initialised =
    init === undefined || isReady
      ? []
      : one(
          draft,
          {
            kind: "init",
            title: `Initialise chaincode ${wish.name}`,
            timeoutMs: callTimeoutMs,
            input: { function: init.function, args: init.args },
          },
          agree,
        );
  const reached = reach(draft, [...agree, ...initialised]);
  const call = [...initialised, ...reached, ...find(draft, [...agree, ...initialised, ...reached])];
  return { agree, call, isTroubled: seen.problem !== undefined };
};
