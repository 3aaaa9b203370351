import { type ChainSpec, parseImageReference } from "@portolan/domain";
import type { ReviewProblem } from "../framework.ts";
import {
  chaincodesOfCatalogue,
  defaultTenantRegistries,
  mayPullFrom,
  type OperatorConfig,
} from "../operator-config.ts";
import { problem } from "../review-problem.ts";
import { chaincodesOf } from "./parts.ts";
import { limitsOf } from "./plans.ts";
import { refusedParts } from "./review-part.ts";
import { type FabricSettings, mspIdOf, ordererMspId, readSettings } from "./settings.ts";
import { quorumOf } from "./steps/channel-steps.ts";
import { ordererOrdinals } from "./topology.ts";

const raftSizes: readonly number[] = [1, 3, 5];

const reviewOrderers = (spec: ChainSpec, settings: FabricSettings): ReviewProblem[] => {
  const count = ordererOrdinals(spec).length;
  if (settings.consensus === "bft" && count !== 4)
    return [problem("settings.orderers", `BFT has 4 orderers here, not ${count}.`, "Leave the number out.")];
  if (settings.consensus === "raft" && !raftSizes.includes(count))
    return [
      problem(
        "settings.orderers",
        `Raft has 1, 3 or 5 orderers, not ${count}.`,
        "An even number survives no more than the one below it.",
      ),
    ];
  const most = limitsOf(spec).orderers;
  if (settings.consensus === "raft" && count > most)
    return [problem("settings.orderers", `Plan ${spec.plan} has at most ${most} orderers.`, "Choose a larger plan.")];
  return [];
};

const reviewOrganisations = (spec: ChainSpec, settings: FabricSettings): ReviewProblem[] => {
  const limits = limitsOf(spec);
  const problems: ReviewProblem[] = [];
  if (settings.organisations.length > limits.maxOrganisations)
    problems.push(
      problem("settings.organisations", `Plan ${spec.plan} has at most ${limits.maxOrganisations} organisations.`),
    );
  settings.organisations.forEach((organisation, index) => {
    if (mspIdOf(organisation) === ordererMspId)
      problems.push(
        problem(
          `settings.organisations.${index}.mspId`,
          `${ordererMspId} is the MSP id of the organisation that the orderers belong to.`,
          "Choose another one.",
        ),
      );
    if (organisation.peers > limits.maxPeersPerOrganisation)
      problems.push(
        problem(
          `settings.organisations.${index}.peers`,
          `Plan ${spec.plan} has at most ${limits.maxPeersPerOrganisation} peers for an organisation.`,
        ),
      );
  });
  return problems;
};

const refusedAddress = (message: string, hint: string): ReviewProblem => ({
  path: "settings.source.address",
  code: "address.forbidden",
  message,
  hint,
});

/** Addresses are looked at as they are written; what their names stand for is looked at whenever they are dialled. */
const reviewAddresses = (spec: ChainSpec, operator: OperatorConfig): ReviewProblem[] =>
  chaincodesOf(spec).flatMap(({ name, isDeleted, settings: { source } }) => {
    if (isDeleted || source.kind !== "external") return [];
    if (operator.isForwarderOutOfReach === true)
      return [
        refusedAddress(
          `Chaincode ${name} can't be at an address of your own in this region: peers don't reach the forwarder there.`,
          "Use chaincode of the catalogue, or a region whose nodes run beside their worker.",
        ),
      ];
    if (operator.externalChaincode?.mayDial(source.address) !== false) return [];
    return [
      refusedAddress(
        `Chaincode ${name} can't be at ${source.address}.`,
        "Use host:port of a name or an address on the public internet.",
      ),
    ];
  });

const refusedImage = (code: string, message: string, hint: string): ReviewProblem => ({
  path: "settings.source.image",
  code,
  message,
  hint,
});

/** Whether code of the tenant's own may run here, and whether its image may come from where it says. */
const reviewImages = (spec: ChainSpec, operator: OperatorConfig): ReviewProblem[] =>
  chaincodesOf(spec).flatMap(({ name, isDeleted, settings: { source } }) => {
    if (isDeleted || source.kind !== "image") return [];
    if (operator.isTenantCodeRefused === true)
      return [
        refusedImage(
          "image.not_isolated",
          `Chaincode ${name} can't be an image of your own in this region: it would run beside other tenants' chains with nothing between.`,
          "Use chaincode of the catalogue, one at an address of your own, or a region whose capabilities say tenantCode (GET /v1/regions).",
        ),
      ];
    const registry = parseImageReference(source.image)?.registry;
    // What is no image's name is said of the part itself.
    if (registry === undefined || mayPullFrom(operator, registry)) return [];
    return [
      refusedImage(
        "image.registry_refused",
        `Chaincode ${name} can't come from the registry ${registry}.`,
        `The operator allows: ${(operator.tenantRegistries ?? defaultTenantRegistries).join(", ")}.`,
      ),
    ];
  });

/** The framework's `review`: what a network may be, by its plan and by what consensus makes sense of. */
export const review = (spec: ChainSpec, operator: OperatorConfig): readonly ReviewProblem[] => {
  const settings = readSettings(spec.settings);
  const catalogue = chaincodesOfCatalogue(operator);
  const unknown = chaincodesOf(spec).flatMap(({ isDeleted, settings: { source } }) =>
    !isDeleted && source.kind === "catalogue" && !catalogue.some(({ name }) => name === source.name)
      ? [
          problem(
            "settings.source.name",
            `The operator does not list a chaincode ${source.name}.`,
            `Listed: ${catalogue.map(({ name }) => name).join(", ")}.`,
          ),
        ]
      : [],
  );
  return [
    ...reviewOrderers(spec, settings),
    ...reviewOrganisations(spec, settings),
    ...unknown,
    ...reviewAddresses(spec, operator),
    ...reviewImages(spec, operator),
  ];
};

/** What is in certificates and on ledgers can't be changed, and orderers go only while enough are left to agree. */
export const reviewUpdate = (former: ChainSpec, next: ChainSpec): readonly ReviewProblem[] => {
  const [before, after] = [readSettings(former.settings), readSettings(next.settings)];
  const problems: ReviewProblem[] = [];
  if (before.consensus !== after.consensus)
    problems.push(problem("settings.consensus", "The consensus of a network can't be changed.", "Make another chain."));
  after.organisations.forEach((organisation, index) => {
    const known = before.organisations.find(({ name }) => name === organisation.name);
    if (known !== undefined && mspIdOf(known) !== mspIdOf(organisation))
      problems.push(problem(`settings.organisations.${index}.mspId`, "An organisation's MSP id can't be changed."));
  });
  if (before.organisations[0]?.name !== after.organisations[0]?.name)
    problems.push(
      problem(
        "settings.organisations.0",
        "The first organisation stays the first: its authority signs for chaincode nodes.",
        "Put others behind it.",
      ),
    );
  for (const ordinal of before.retiredOrderers)
    if (!after.retiredOrderers.includes(ordinal))
      problems.push(problem("settings.retiredOrderers", `Orderer ${ordinal} was taken out for good.`));
  const [old, left] = [ordererOrdinals(former), new Set(ordererOrdinals(next))];
  // One that comes back with the log of its former life is not the member that the others have counted since.
  const unretired = old.filter((ordinal) => !left.has(ordinal) && !after.retiredOrderers.includes(ordinal));
  if (unretired.length > 0)
    problems.push(
      problem(
        "settings.retiredOrderers",
        `Orderers that are taken out are named, because their numbers are not used again: ${unretired.join(", ")}.`,
        `Set it to [${[...after.retiredOrderers, ...unretired].sort((a, b) => a - b).join(", ")}].`,
      ),
    );
  const staying = old.filter((ordinal) => left.has(ordinal)).length;
  const needed = quorumOf(before.consensus, old.length);
  if (staying < needed)
    problems.push(
      problem(
        "settings.orderers",
        `Of ${old.length} orderers ${needed} must stay at a time; ${staying} would.`,
        "Take fewer of them out at once.",
      ),
    );
  return [...problems, ...refusedParts(former, next, next.parts)];
};
