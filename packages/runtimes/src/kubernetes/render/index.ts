export { fillSecrets } from "./fill.ts";
export { renderNamespace } from "./namespace.ts";
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
export { renderService, type ServiceNode, toServiceHost } from "./service.ts";
