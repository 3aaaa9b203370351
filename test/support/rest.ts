/** One answer of the API as it came, nothing hidden by a client. */
export interface RestAnswer {
  status: number;
  headers: Headers;
  text: string;
  /** Parsed when it is JSON. */
  body: Record<string, unknown>;
}

export interface RestRequest {
  token?: string;
  /** A text goes as it is, anything else as JSON. */
  body?: unknown;
  headers?: { readonly [name: string]: string };
}

export type Rest = (method: string, path: string, request?: RestRequest) => Promise<RestAnswer>;

const toObject = (text: string): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
};

/** Raw HTTP against one base URL. */
export const createRest =
  (baseUrl: string): Rest =>
  async (method, path, { token, body, headers = {} } = {}) => {
    const response = await fetch(`${baseUrl}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(120_000),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: toObject(text) };
  };
