import { X509Certificate } from "node:crypto";
import { type ChainSpec, DomainError, type PartSpec, parseImageReference } from "@portolan/domain";
import type { ReviewProblem } from "../framework.ts";
import { problem } from "../review-problem.ts";
import { isSystemChaincode } from "./application-calls.ts";
import { organisationsOfChannel } from "./chaincode-wish.ts";
import { checkChannelId, parsePolicy, toApplicationPolicy } from "./config/index.ts";
import { parseCsr } from "./crypto/index.ts";
import {
  type ChaincodeSettings,
  chaincodeSettings,
  channelSettings,
  channelsOf,
  fabricParts,
  identitySettings,
} from "./parts.ts";
import { limitsOf } from "./plans.ts";
import { mspIdOf, readSettings } from "./settings.ts";

/** What a pure function of the settings refuses by throwing, as a problem of the wish. */
const refusedBy = (path: string, check: () => unknown): ReviewProblem[] => {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return [problem(path, error.message, error.hint)];
  }
};

const membersOf = (spec: ChainSpec, names: readonly string[]) =>
  readSettings(spec.settings)
    .organisations.filter(({ name }) => names.includes(name))
    .map((organisation) => ({ mspId: mspIdOf(organisation), peers: organisation.peers }));

const unknownOrganisations = (spec: ChainSpec, names: readonly string[] | undefined): ReviewProblem[] => {
  const known = readSettings(spec.settings).organisations.map(({ name }) => name);
  return (names ?? [])
    .filter((name) => !known.includes(name))
    .map((name) =>
      problem("settings.organisations", `There is no organisation ${name}.`, `This network has ${known.join(", ")}.`),
    );
};

const reviewChannel = (spec: ChainSpec, part: PartSpec): ReviewProblem[] => {
  const settings = channelSettings.parse(part.settings);
  const all = readSettings(spec.settings).organisations.map(({ name }) => name);
  const members = membersOf(spec, settings.organisations ?? all);
  const { batch, policies } = settings;
  const found = [
    ...refusedBy("name", () => checkChannelId(part.name)),
    ...unknownOrganisations(spec, settings.organisations),
  ];
  if (batch.preferredMaxBytes > batch.absoluteMaxBytes)
    found.push(problem("settings.batch.preferredMaxBytes", "It must not be above `absoluteMaxBytes`."));
  if (found.length > 0) return found;
  return [
    ...refusedBy("settings.policies.endorsement", () => parsePolicy(policies.endorsement, members)),
    ...refusedBy("settings.policies.lifecycle", () => parsePolicy(policies.lifecycle, members)),
  ];
};

const isCertificate = (pem: string): boolean => {
  try {
    return new X509Certificate(pem).ca;
  } catch {
    return false;
  }
};

/** What the connection to a server of the customer's own is to trust. */
const reviewRoot = (rootCertificate: string | undefined): ReviewProblem[] =>
  rootCertificate === undefined || isCertificate(rootCertificate)
    ? []
    : [
        problem(
          "settings.source.rootCertificate",
          "It is not the certificate of an authority.",
          "Give the PEM of the certificate that signed the server's; without one the connection is not encrypted.",
        ),
      ];

/** A tag may be another image tomorrow, on some machines and not on others: what runs is what was named. */
const reviewImage = (image: string): ReviewProblem[] => {
  const path = "settings.source.image";
  const reference = parseImageReference(image);
  if (reference === null)
    return [
      problem(
        path,
        "It is not the whole name of an image.",
        "Name registry, repository and digest: registry.example/name@sha256:… (of Docker Hub: docker.io/…).",
      ),
    ];
  if (reference.digest !== undefined) return [];
  return [
    {
      path,
      code: "image.digest_missing",
      message: `${image} is named without its digest, and so may be another image tomorrow.`,
      hint: `Name it by digest: ${reference.registry}/${reference.repository}@sha256:… (docker buildx imagetools inspect shows it).`,
    },
  ];
};

const reviewSource = (source: ChaincodeSettings["source"]): ReviewProblem[] => {
  if (source.kind === "external") return reviewRoot(source.rootCertificate);
  return source.kind === "image" ? reviewImage(source.image) : [];
};

const reviewChaincode = (spec: ChainSpec, part: PartSpec): ReviewProblem[] => {
  const settings = chaincodeSettings.parse(part.settings);
  if (isSystemChaincode(part.name))
    return [problem("name", `${part.name} is the name of a chaincode of the peers themselves.`, "Choose another one.")];
  const organisations = organisationsOfChannel(spec, settings.channel);
  if (organisations === undefined) {
    const names = channelsOf(spec).map(({ name }) => name);
    const hint = names.length === 0 ? "Make a channel first." : `There are: ${names.join(", ")}.`;
    return [problem("settings.channel", `There is no channel ${settings.channel}.`, hint)];
  }
  const outside = (settings.organisations ?? []).filter((name) => !organisations.includes(name));
  if (outside.length > 0)
    return [
      problem(
        "settings.organisations",
        `${outside.join(", ")}: not on channel ${settings.channel}.`,
        `On it: ${organisations.join(", ")}.`,
      ),
    ];
  const found = reviewSource(settings.source);
  const { endorsementPolicy } = settings;
  if (found.length > 0 || endorsementPolicy === undefined) return found;
  const hosts = settings.organisations ?? organisations;
  return refusedBy("settings.endorsementPolicy", () => toApplicationPolicy(endorsementPolicy, membersOf(spec, hosts)));
};

const reviewIdentity = (spec: ChainSpec, part: PartSpec): ReviewProblem[] => {
  const { organisation, keys } = identitySettings.parse(part.settings);
  const problems = unknownOrganisations(spec, [organisation]).map((item) => ({
    ...item,
    path: "settings.organisation",
  }));
  return keys.mode === "own" ? [...problems, ...refusedBy("settings.keys.csr", () => parseCsr(keys.csr))] : problems;
};

const reviewSettings: { readonly [kind: string]: (spec: ChainSpec, part: PartSpec) => ReviewProblem[] } = {
  channel: reviewChannel,
  chaincode: reviewChaincode,
  identity: reviewIdentity,
};

/** What parts ask for that a change would take from them: nothing could bring the network to both wishes at once. */
export const refusedParts = (before: ChainSpec, after: ChainSpec, parts: readonly PartSpec[]): ReviewProblem[] =>
  parts
    .filter(({ kind, isDeleted }) => isDeleted !== true && kind !== "identity")
    .flatMap((part) => {
      const judge = reviewSettings[part.kind];
      const known = new Set(judge?.(before, part).map(({ message }) => message));
      return (judge?.(after, part) ?? [])
        .filter(({ message }) => !known.has(message))
        .map(({ message }) =>
          problem(
            "settings.organisations",
            `The ${part.kind} ${part.name} could not stay as it is: ${message}`,
            `Change or delete the ${part.kind} ${part.name} first.`,
          ),
        );
    });

const limitNames: { readonly [kind: string]: string } = {
  channel: "maxChannels",
  chaincode: "maxChaincodes",
  identity: "maxIdentities",
};

const reviewCount = (spec: ChainSpec, part: PartSpec): ReviewProblem[] => {
  const most = limitsOf(spec)[limitNames[part.kind] ?? ""];
  const count = spec.parts.filter(({ kind, isDeleted }) => kind === part.kind && isDeleted !== true).length;
  if (most === undefined || count <= most) return [];
  const { plural, deletable } = fabricParts.find(({ kind }) => kind === part.kind) ?? {
    plural: "parts",
    deletable: false,
  };
  const message = `Plan ${spec.plan} has at most ${most} ${plural}.`;
  const hint =
    deletable === true
      ? `Delete ${plural} that are not in use, or make a chain on a larger plan.`
      : "Make another chain, or one on a larger plan.";
  return [{ path: "", code: "part.limit", message, hint }];
};

const isImage = ({ settings }: PartSpec): boolean => chaincodeSettings.parse(settings).source.kind === "image";

/** Its node stands elsewhere, apart from the others, and its address is in the package that peers have. */
const reviewMove = (part: PartSpec, former: PartSpec): ReviewProblem[] =>
  isImage(part) === isImage(former)
    ? []
    : [
        problem(
          "settings.source.kind",
          "Chaincode by an image of your own stays so, and other chaincode can't become so.",
          "Make another one, with another name.",
        ),
      ];

/** What of a chaincode would be another chaincode: the peers know it by name and channel. */
const reviewChange = (spec: ChainSpec, part: PartSpec, former: PartSpec): ReviewProblem[] => {
  if (part.kind === "chaincode" && part.settings["channel"] !== former.settings["channel"])
    return [problem("settings.channel", "A chaincode stays on its channel.", "Make another one on the other channel.")];
  if (part.kind === "chaincode") return reviewMove(part, former);
  if (part.kind !== "channel") return [];
  const before = { ...spec, parts: spec.parts.map((each) => (each.id === part.id ? former : each)) };
  const dependents = spec.parts.filter(
    ({ kind, settings }) => kind === "chaincode" && settings["channel"] === part.name,
  );
  return refusedParts(before, spec, dependents);
};

/** The framework's `reviewPart`: whatever would stop the network's coordination later is found here. */
export const reviewPart = (spec: ChainSpec, part: PartSpec, former: PartSpec | null): readonly ReviewProblem[] => {
  if (part.isDeleted === true) return [];
  return [
    ...(reviewSettings[part.kind]?.(spec, part) ?? []),
    ...(former === null ? reviewCount(spec, part) : reviewChange(spec, part, former)),
  ];
};
