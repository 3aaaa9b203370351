export { fillSecrets } from "./fill.ts";
export { renderPlacement } from "./placement.ts";
export { toPortNumbers } from "./ports.ts";
export { type Manifest, objectsOf } from "./rendered.ts";
export { toServiceHost } from "./service.ts";
