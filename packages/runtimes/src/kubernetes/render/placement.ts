import type { Blueprint } from "@portolan/domain";
import type { PlacementRef } from "../../runtime.ts";
import type { KubernetesSettings } from "../settings.ts";
import type { RenderedPlacement } from "./rendered.ts";

/** A placement's blueprint as the objects of a cluster. Pure; secrets are references until `fillSecrets`. */
export const renderPlacement = (
  _placement: PlacementRef,
  _blueprint: Blueprint,
  _settings: KubernetesSettings,
): RenderedPlacement => {
  throw new Error("not there yet");
};
