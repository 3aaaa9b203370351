import { type ChainSpec, canonicalJson, type Hosting, type OperationStep } from "@portolan/domain";
import type { StandbyTarget } from "@portolan/frameworks";

/** Whether chains of just this kind may stand by: whoever asks for anything of its own gets a chain made for it. */
export const mayStandBy = (
  targets: readonly StandbyTarget[],
  { framework, version, plan, regions, settings, parts }: ChainSpec,
  hosting: Hosting,
): boolean =>
  hosting === "dedicated" &&
  parts.length === 0 &&
  regions.length === 1 &&
  targets.some(
    (target) =>
      target.framework.slug === framework &&
      target.version === version &&
      target.plan === plan &&
      target.region === regions[0] &&
      canonicalJson(target.settings) === canonicalJson(settings),
  );

/** The steps of a creation that found its chain standing by: all that there was to do. */
export const adoptionSteps = (now: Date): OperationStep[] => [
  {
    key: "adopt",
    title: "Take over a chain that stood by",
    state: "succeeded",
    startedAt: now.toISOString(),
    endedAt: now.toISOString(),
  },
];
