/**
 * Requests to one node. A token travels in `Authorization`, bare (clients §1.7).
 */
import { textWithin, TinyCloudError } from "./errors.ts";

/** Seconds until a request that carries no value must be answered. */
const CONTROL_TIMEOUT_SECONDS = 30;

/** The largest JSON answer read: a list of all keys of a large space. */
const MAX_JSON_BYTES = 64 * 1024 * 1024;

/** A value to store. A stream needs HTTP/2 in browsers. */
export type Body = string | Uint8Array | Blob | ReadableStream<Uint8Array>;

/** One request. */
export interface Outgoing {
  readonly token?: string;
  readonly body?: Body | undefined;
  readonly headers?: HeadersInit | undefined;
  /** Left out: 30 seconds, but no limit at all for `/invoke`. */
  readonly signal?: AbortSignal | undefined;
}

/** The way to one node. */
export class Transport {
  /** Without slashes at the end. */
  readonly url: string;
  readonly #fetch: typeof fetch;

  /** Throws a TypeError unless `url` is http or https. `send` stands in for `fetch`. */
  constructor(url: string, send: typeof fetch = (input, init) => fetch(input, init)) {
    const { protocol, origin, pathname } = new URL(url);
    if (!/^https?:$/.test(protocol)) throw new TypeError(`Not a node's http(s) URL: ${url}`);
    this.url = origin + pathname.replace(/\/+$/, "");
    this.#fetch = send;
  }

  /** What sign-in messages name as their domain. */
  get domain(): string {
    return new URL(this.url).hostname;
  }

  /** The answer, whatever its status. Throws `unreachable` or `timeout` if there is none. */
  async send(method: "GET" | "POST", path: string, outgoing: Outgoing = {}): Promise<Response> {
    const headers = new Headers(outgoing.headers);
    if (outgoing.token !== undefined) headers.set("authorization", outgoing.token);
    const streamed = outgoing.body instanceof ReadableStream;
    const signal = outgoing.signal ??
      (path === "/invoke" ? undefined : AbortSignal.timeout(CONTROL_TIMEOUT_SECONDS * 1000));
    // `duplex` is required by Node and Chrome for streams, and unknown to TypeScript's library.
    const init: RequestInit & { duplex?: "half" } = {
      method,
      headers,
      // Any Uint8Array will do; `fetch` itself refuses one on shared memory, the types refuse more.
      body: (outgoing.body ?? null) as BodyInit | null,
      // A token belongs to this node only.
      redirect: "error",
      ...(signal === undefined ? {} : { signal }),
      ...(streamed ? { duplex: "half" } : {}),
    };
    try {
      return await this.#fetch(`${this.url}${path}`, init);
    } catch (cause) {
      throw this.#noAnswer(cause, streamed);
    }
  }

  /** The answer, if it is 2xx; else throws the refusal. */
  async call(method: "GET" | "POST", path: string, outgoing?: Outgoing): Promise<Response> {
    const response = await this.send(method, path, outgoing);
    if (!response.ok) throw await TinyCloudError.of(response);
    return response;
  }

  #noAnswer(cause: unknown, streamed: boolean): unknown {
    if (!(cause instanceof Error) || cause.name === "AbortError") return cause;
    const [code, what] = cause.name === "TimeoutError"
      ? ["timeout", "No answer in time from"]
      : ["unreachable", "No TinyCloud node answers at"];
    // A browser does not say that this was the reason.
    const hint = streamed ? " (browsers send streams over HTTP/2 only)" : "";
    return new TinyCloudError(0, code, `${what} ${this.url}${hint}`, undefined, { cause });
  }
}

/** The JSON of an answer. Throws `bad_answer` if it is not JSON, or beyond 64 MiB. */
export async function jsonOf(response: Response): Promise<unknown> {
  const text = await textWithin(response, MAX_JSON_BYTES);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw badAnswer(response, "is not JSON", { cause });
  }
}

/** For an answer that the contract does not know. */
export function badAnswer(
  response: Response,
  what: string,
  options?: ErrorOptions,
): TinyCloudError {
  const message = `The answer of ${response.url || "the node"} ${what}`;
  return new TinyCloudError(response.status, "bad_answer", message, undefined, options);
}

/** Whether `value` is an object whose members can be asked for. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
