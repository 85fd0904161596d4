/** One door to the server: JSON there and back, errors with the server's own sentence, the state of the connection. */
import type { ProblemBody } from "./types";

/** The server answered, but with an error. `message` is one sentence that says what to do. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string | null,
  ) {
    super(message);
    this.name = "Problem";
  }
}

/** The server did not answer. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super("The server does not answer. Is `qntx serve` running?", { cause });
    this.name = "Unreachable";
  }
}

/** `may`: what the server says may be read; null while it says nothing. */
type Listener = (reachable: boolean, may: boolean | null) => void;
const listeners = new Set<Listener>();

/** Told after every request whether the server could be reached, and whether it let the page read. */
export function onReachability(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell(reachable: boolean, may: boolean | null = null): void {
  for (const listener of listeners) listener(reachable, may);
}

function headers(accept: string): Record<string, string> {
  const token = document.querySelector<HTMLMetaElement>('meta[name="qntx-token"]')?.content ?? "";
  return token === "" ? { Accept: accept } : { Accept: accept, Authorization: `Bearer ${token}` };
}

export type Query = Record<string, string | number | null | undefined>;

export function address(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === "" ? path : `${path}?${text}`;
}

async function send(
  url: string,
  accept: string,
  signal: AbortSignal | null,
  change: RequestInit = {},
): Promise<Response> {
  const more = change.body === undefined ? {} : { "Content-Type": "application/json" };
  let response: Response;
  try {
    response = await fetch(url, {
      ...change,
      headers: { ...headers(accept), ...more },
      signal,
      cache: "no-store",
      credentials: "same-origin",
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    tell(false);
    throw new Unreachable(error);
  }
  // A gateway in front of a server that is down is no answer of the server.
  const reads = change.method === undefined && (response.ok || response.status === 401);
  tell(response.status !== 502 && response.status !== 504, reads ? response.ok : null);
  if (!response.ok) throw await problem(response);
  return response;
}

async function problem(response: Response): Promise<Problem> {
  const body = (await response.json().catch(() => null)) as ProblemBody | null;
  const message =
    body?.error?.message ?? `The server answered ${response.status} ${response.statusText}.`;
  return new Problem(
    response.status,
    body?.error?.code ?? "unknown",
    message,
    body?.error?.request_id ?? null,
  );
}

export async function getJson<T>(
  path: string,
  query: Query = {},
  signal: AbortSignal | null = null,
): Promise<T> {
  const response = await send(address(path, query), "application/json", signal);
  return (await response.json()) as T;
}

/** Asks the server to change something; null when it has nothing to say about it. Never repeated by itself. */
export async function changeJson<T>(
  method: "POST" | "PATCH" | "DELETE",
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await send(
    path,
    "application/json",
    null,
    body === undefined ? { method } : { method, body: JSON.stringify(body) },
  );
  return (response.status === 204 ? null : await response.json()) as T;
}

/** Text of at most about `limit` bytes, read as it arrives; `whole` says whether that was all. */
export async function getText(
  path: string,
  limit: number,
  signal: AbortSignal | null,
): Promise<{ text: string; whole: boolean }> {
  const response = await send(path, "text/plain", signal);
  const reader = response.body?.getReader();
  if (!reader) return { text: await response.text(), whole: true };
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { text: text + decoder.decode(), whole: true };
    size += value.byteLength;
    text += decoder.decode(value, { stream: true });
    if (size >= limit) {
      await reader.cancel();
      return { text, whole: false };
    }
  }
}

/** One sentence for a person. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
