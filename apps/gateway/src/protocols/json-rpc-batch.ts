import type { Settleable } from "@portolan/metering";
import type { Grant } from "../edge/entries.ts";
import { type Refusal, refusals } from "../pipeline/refusal.ts";
import type { Reply } from "../pipeline/reply.ts";
import { readBatchAnswer, withId } from "../pipeline/rpc-answer.ts";
import { type RpcCall, writeCall } from "../pipeline/rpc-body.ts";
import { isJudged, type JsonRpcDeps, type Judged, judge, noteSnapshot, syntheticAnswer } from "./json-rpc-judge.ts";
import { NodeCall } from "./node-call.ts";

interface Forwarded {
  slot: number;
  judged: Judged;
}

/** What has been decided of a batch so far: a text for each item that answers, `null` for those that say nothing. */
interface Sheet {
  deps: JsonRpcDeps;
  grant: Grant;
  reply: Reply;
  startedMs: number;
  slots: (string | null)[];
}

const finish = ({ reply, slots }: Sheet): void => {
  const answers = slots.filter((slot) => slot !== null);
  if (answers.length === 0) reply.empty();
  else reply.json(200, `[${answers.join(",")}]`);
};

const refuseItem = (
  sheet: Sheet,
  slot: number,
  call: RpcCall,
  refusal: Refusal,
  status: "refused" | "failed",
): void => {
  sheet.deps.requests.add(sheet.grant, call.method ?? "", status, refusal.rpcCode, sheet.startedMs);
  // A notification gets no answer, but something that is no request at all does.
  const isSilent = call.id === null && call.fault === null;
  sheet.slots[slot] = isSilent ? null : sheet.reply.render(refusal, call.id ?? "null");
};

const endTurns = (forwarded: readonly Forwarded[]): void => {
  for (const { judged } of forwarded) judged.turn?.end();
};

/** Sorts a batch into what is refused, what the gateway answers, and what goes to the node. */
const sort = (sheet: Sheet, calls: readonly RpcCall[]): { forwarded: Forwarded[]; synthetic: Forwarded[] } => {
  const forwarded: Forwarded[] = [];
  const synthetic: Forwarded[] = [];
  calls.forEach((call, slot) => {
    const found = judge(sheet.grant, call, sheet.deps, sheet.startedMs);
    if (!isJudged(found)) {
      refuseItem(sheet, slot, call, found, "refused");
      return;
    }
    const own = syntheticAnswer(found);
    if (own === null) {
      forwarded.push({ slot, judged: found });
      return;
    }
    sheet.slots[slot] = call.id === null ? null : own;
    synthetic.push({ slot, judged: found });
  });
  return { forwarded, synthetic };
};

/**
 * The allowed items of a batch go to the node as one batch under ids of our own, 1…n; its answers may come in any
 * order, are matched by those ids, and leave in the caller's order with the caller's ids.
 */
export class BatchCall extends NodeCall implements Settleable {
  readonly #sheet: Sheet;
  readonly #forwarded: readonly Forwarded[];

  constructor(sheet: Sheet, forwarded: readonly Forwarded[]) {
    super(sheet.startedMs + sheet.grant.policy.timeoutMs);
    this.#sheet = sheet;
    this.#forwarded = forwarded;
  }

  static start(deps: JsonRpcDeps, grant: Grant, calls: readonly RpcCall[], reply: Reply, startedMs: number): void {
    const sheet: Sheet = { deps, grant, reply, startedMs, slots: new Array<string | null>(calls.length).fill(null) };
    const { forwarded, synthetic } = sort(sheet, calls);
    for (const { judged } of synthetic) {
      deps.meter.add(judged.method.series, 0, 1);
      deps.requests.add(grant, judged.method.method, "ok", 0, startedMs);
    }
    const upstream = forwarded.length === 0 ? null : deps.upstreams.get(grant.route);
    if (upstream !== null) {
      const call = new BatchCall(sheet, forwarded);
      call.send(upstream, `[${forwarded.map(({ judged }, index) => writeCall(judged.call, index + 1)).join(",")}]`);
      return;
    }
    endTurns(forwarded);
    for (const { slot, judged } of forwarded) refuseItem(sheet, slot, judged.call, refusals.unhealthy, "failed");
    deps.meter.afterTurn({
      settle: (isRecorded) => {
        if (isRecorded) finish(sheet);
        else reply.refuse(refusals.unmetered);
      },
    });
  }

  protected answered(text: string): void {
    endTurns(this.#forwarded);
    const answers = readBatchAnswer(text);
    if (answers === null) {
      this.failed(refusals.badAnswer);
      return;
    }
    const { deps, grant, slots, startedMs } = this.#sheet;
    this.#forwarded.forEach(({ slot, judged }, index) => {
      const { call, method, weight } = judged;
      const answer = answers.get(String(index + 1));
      if (answer === undefined) {
        refuseItem(this.#sheet, slot, call, refusals.badAnswer, "failed");
        return;
      }
      if (!answer.isError) noteSnapshot(deps, grant, judged, text.slice(answer.resultStart, answer.resultEnd));
      slots[slot] = call.id === null ? null : withId(text, answer, call.id);
      deps.meter.add(method.series, weight, 1);
      deps.requests.add(grant, method.method, answer.isError ? "error" : "ok", 0, startedMs);
    });
    deps.meter.afterTurn(this);
  }

  protected failed(refusal: Refusal): void {
    endTurns(this.#forwarded);
    for (const { slot, judged } of this.#forwarded) refuseItem(this.#sheet, slot, judged.call, refusal, "failed");
    this.#sheet.deps.meter.afterTurn(this);
  }

  settle(isRecorded: boolean): void {
    if (isRecorded) finish(this.#sheet);
    else this.#sheet.reply.refuse(refusals.unmetered);
  }
}
