import { expect, it } from "vitest";
import { newPlacement } from "../../conformance/blueprints.ts";
import type { RenderNote } from "../render/rendered.ts";
import { createNoteTeller } from "./tell-notes.ts";

const image: RenderNote = { reason: "image_without_digest", message: "The image a:1 is a tag.", hint: "Name it." };
const loop: RenderNote = {
  reason: "loopback_unreachable",
  node: "node-0",
  message: "node-0 dials itself.",
  hint: "No.",
};

it("the log says of each chain's node what the cluster does not do, and of an image once", () => {
  const tell = createNoteTeller();
  const said: unknown[] = [];
  const log = { info: () => undefined, warn: (fields: object, message?: string) => said.push([message, fields]) };
  const [one, two] = [newPlacement(), newPlacement()];
  for (const placement of [one, one, two]) tell({ placement, log } as never, [image, loop]);
  const { hint, message, reason } = loop;
  expect(said).toEqual([
    [image.message, { reason: image.reason, hint: image.hint }],
    [message, { reason, hint, node: "node-0", placementId: one.placementId }],
    [message, { reason, hint, node: "node-0", placementId: two.placementId }],
  ]);
});
