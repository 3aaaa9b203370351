export interface RpcAnswer {
  id: unknown;
  result?: unknown;
  error?: { code: number; message: string; data?: unknown };
}

/** Sends a body as it is and gives the answer as it came. */
export const postRaw = async (
  url: string,
  body: string,
  { headers = {}, timeoutMs = 60_000 }: { headers?: { readonly [name: string]: string }; timeoutMs?: number } = {},
): Promise<{ status: number; text: string }> => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
    signal: AbortSignal.timeout(timeoutMs),
  });
  return { status: response.status, text: await response.text() };
};

/** One call; throws the answer's error. */
export const rpc = async (url: string, method: string, params: readonly unknown[] = []): Promise<unknown> => {
  const { text } = await postRaw(url, JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }));
  const answer: RpcAnswer = JSON.parse(text);
  if (answer.error !== undefined) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
  return answer.result;
};
