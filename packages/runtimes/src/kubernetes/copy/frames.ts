import { KubeSilence } from "../client/kube-error.ts";

const headBytes = 8;
const mostJson = 1 << 20;

/** A frame with JSON, as the copy pod's program reads it. */
export const toFrame = (value: unknown): Buffer => {
  const text = Buffer.from(JSON.stringify(value));
  return Buffer.concat([Buffer.from(text.length.toString(16).padStart(headBytes, "0")), text]);
};

/**
 * Takes a stream of frames apart. `onFrame` gets each JSON value and says how many bytes of content follow it; `onBytes`
 * gets those, as they come.
 */
export const createFrameReader = (handlers: {
  onFrame: (value: unknown) => number | Promise<number>;
  onBytes: (piece: Buffer) => void | Promise<void>;
}) => {
  let held: Buffer = Buffer.alloc(0);
  let content = 0;
  const takeFrame = async (): Promise<boolean> => {
    if (held.length < headBytes) return false;
    const size = Number.parseInt(held.subarray(0, headBytes).toString("latin1"), 16);
    if (!Number.isSafeInteger(size) || size > mostJson) throw new KubeSilence("the copy's stream can't be read");
    if (held.length < headBytes + size) return false;
    const value: unknown = JSON.parse(held.subarray(headBytes, headBytes + size).toString("utf8"));
    held = held.subarray(headBytes + size);
    content = await handlers.onFrame(value);
    return true;
  };
  return {
    push: async (piece: Buffer): Promise<void> => {
      held = held.length === 0 ? piece : Buffer.concat([held, piece]);
      for (;;) {
        if (content > 0) {
          const part = held.subarray(0, content);
          if (part.length === 0) return;
          await handlers.onBytes(part);
          content -= part.length;
          held = held.subarray(part.length);
        } else if (!(await takeFrame())) return;
      }
    },
    isDone: (): boolean => held.length === 0 && content === 0,
  };
};
