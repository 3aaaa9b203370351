export { type ContainerFact, type ContainerFacts, readFacts } from "./facts.ts";
export { fillSecrets } from "./fill.ts";
export { copyAmounts, type KeptClaim } from "./limits.ts";
export { renderNamespace } from "./namespace.ts";
export { manifestVersion } from "./node.ts";
export { renderPlacement } from "./placement.ts";
export { toPortNumbers } from "./ports.ts";
export {
  type Manifest,
  objectsOf,
  type Rendered,
  type RenderedJob,
  type RenderedNode,
  type RenderedPlacement,
  type RenderNote,
} from "./rendered.ts";
export { containerSecurity, podSecurity } from "./security.ts";
export { renderService, type ServiceNode, toServiceHost } from "./service.ts";
