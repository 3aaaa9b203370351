import { skipObject, skipSpace } from "./json-scan.ts";

/** One answer of a node: where it stands, and where its id does. */
export interface RpcAnswer {
  start: number;
  end: number;
  idStart: number;
  idEnd: number;
  isError: boolean;
  /** Position of the raw result, when there is one. */
  resultStart: number;
  resultEnd: number;
}

/** Results nest deeper than requests (traces); the bound only protects the stack. */
const maxAnswerDepth = 600;

const readObject = (text: string, start: number): RpcAnswer | null => {
  const answer: RpcAnswer = { start, end: 0, idStart: 0, idEnd: 0, isError: false, resultStart: 0, resultEnd: 0 };
  answer.end = skipObject(text, start, maxAnswerDepth, (keyStart, keyEnd, valueStart, valueEnd) => {
    const key = text.slice(keyStart + 1, keyEnd - 1);
    if (key === "id") {
      answer.idStart = valueStart;
      answer.idEnd = valueEnd;
    } else if (key === "error") {
      answer.isError = !text.startsWith("null", valueStart);
    } else if (key === "result") {
      answer.resultStart = valueStart;
      answer.resultEnd = valueEnd;
    }
  });
  return answer.end === -1 ? null : answer;
};

/** The node's answer to one call, or `null` when it is not one JSON object. */
export const readAnswer = (text: string): RpcAnswer | null => {
  const start = skipSpace(text, 0);
  if (text.charCodeAt(start) !== 123) return null;
  const answer = readObject(text, start);
  return answer !== null && skipSpace(text, answer.end) === text.length ? answer : null;
};

/** The node's answers to a batch, by raw id; `null` when it is not an array of objects. */
export const readBatchAnswer = (text: string): Map<string, RpcAnswer> | null => {
  const answers = new Map<string, RpcAnswer>();
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== 91) return null;
  at = skipSpace(text, at + 1);
  if (text.charCodeAt(at) === 93) return answers;
  for (;;) {
    if (text.charCodeAt(at) !== 123) return null;
    const answer = readObject(text, at);
    if (answer === null) return null;
    answers.set(text.slice(answer.idStart, answer.idEnd), answer);
    at = skipSpace(text, answer.end);
    const code = text.charCodeAt(at);
    if (code === 93) return answers;
    if (code !== 44) return null;
    at = skipSpace(text, at + 1);
  }
};

/** The answer with the caller's id in place of ours. */
export const withId = (text: string, answer: RpcAnswer, id: string): string =>
  answer.idEnd === 0
    ? `{"id":${id},${text.slice(answer.start + 1, answer.end)}`
    : `${text.slice(answer.start, answer.idStart)}${id}${text.slice(answer.idEnd, answer.end)}`;
