// HTTP/1.1 by hand on a TCP connection, for requests that no client library would send.

import type { Answer, At } from "./asking.ts";

/** An answer as it came. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** No answer within this time is a hang. */
const HANG_MS = 10_000;
const BLANK_LINE = "\r\n\r\n";

/** One connection. Closing it in the middle of a request is an abort. */
export class RawConnection implements Disposable {
  readonly #conn: Deno.Conn;
  #received: Uint8Array = new Uint8Array();
  #ended = false;

  private constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  static async open(at: At): Promise<RawConnection> {
    const { hostname, port } = new URL(at.url);
    return new RawConnection(await Deno.connect({ hostname, port: Number(port) }));
  }

  /** Writes all of it, text as Latin-1. Throws when the other side has closed. */
  async write(data: string | Uint8Array): Promise<void> {
    let rest = typeof data === "string" ? bytesOfLatin1(data) : data;
    while (rest.length > 0) rest = rest.subarray(await this.#conn.write(rest));
  }

  /** Writes a head: the request line, Host, these header lines, and the blank line. */
  head(requestLine: string, headers: readonly string[] = []): Promise<void> {
    return this.write([requestLine, "Host: node", ...headers].join("\r\n") + BLANK_LINE);
  }

  /** The next answer; for HEAD it has no body. Throws if the connection ends before it does. */
  async answer(method = "POST"): Promise<RawAnswer> {
    const end = await this.#until((text) => text.indexOf(BLANK_LINE));
    const [statusLine = "", ...lines] = this.#take(end).split("\r\n");
    this.#take(BLANK_LINE.length);
    const headers = new Headers();
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
    }
    const status = Number(statusLine.split(" ")[1]);
    if (status === 100) return await this.answer(method);
    const hasBody = method !== "HEAD" && status !== 204 && status !== 304;
    return { status, headers, text: hasBody ? await this.#body(headers) : "" };
  }

  /** Waits for more bytes of the answer, whatever they are. */
  some(): Promise<void> {
    return this.#read();
  }

  /** Bytes that still come until the other side ends the connection; they are not kept. */
  async rest(): Promise<number> {
    let size = 0;
    while (!this.#ended) {
      await this.#read();
      size += this.#received.length;
      this.#received = new Uint8Array();
    }
    return size;
  }

  /** Whether the other side ends the connection, after whatever it still sends. */
  async closes(): Promise<boolean> {
    while (!this.#ended) await this.#read();
    return true;
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }

  async #body(headers: Headers): Promise<string> {
    if (headers.get("transfer-encoding") !== "chunked") {
      const length = Number(headers.get("content-length") ?? 0);
      await this.#until((text) => text.length >= length ? length : -1);
      return this.#take(length);
    }
    let body = "";
    for (;;) {
      const size = parseInt(this.#take(await this.#until((text) => text.indexOf("\r\n"))), 16);
      await this.#until((text) => text.length >= size + 4 ? size + 4 : -1);
      this.#take(2);
      body += this.#take(size);
      this.#take(2);
      if (size === 0) return body;
    }
  }

  /** Reads until `find` gives an index. Latin-1 text: one character a byte. */
  async #until(find: (text: string) => number): Promise<number> {
    for (;;) {
      const index = find(latin1(this.#received));
      if (index >= 0) return index;
      if (this.#ended) throw new Error(`The connection ended after "${latin1(this.#received)}"`);
      await this.#read();
    }
  }

  #take(length: number): string {
    const text = latin1(this.#received.subarray(0, length));
    this.#received = this.#received.subarray(length);
    return text;
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    const count = await withinTime(this.#conn.read(buffer), "no answer")
      .catch((error) => {
        if (error instanceof Deno.errors.ConnectionReset) return null;
        throw error;
      });
    if (count === null) {
      this.#ended = true;
      return;
    }
    const joined = new Uint8Array(this.#received.length + count);
    joined.set(this.#received);
    joined.set(buffer.subarray(0, count), this.#received.length);
    this.#received = joined;
  }
}

/** One request on a connection of its own: head and body are sent, then the answer is read. */
export async function askRaw(
  at: At,
  requestLine: string,
  headers: readonly string[] = [],
  body: string | Uint8Array = "",
): Promise<RawAnswer> {
  using connection = await RawConnection.open(at);
  await connection.head(requestLine, headers);
  // The node may answer and close before it has the whole body.
  await connection.write(body).catch(() => {});
  return await connection.answer(requestLine.split(" ")[0]);
}

/** The same in the shape of the others. */
export function asAnswer({ status, text, headers }: RawAnswer): Answer {
  return {
    status,
    text,
    headers,
    bytes: bytesOfLatin1(text),
    code: headers.get("x-tinycloud-error"),
  };
}

/** The result, or an error once it takes so long that it counts as a hang. */
export async function withinTime<T>(result: Promise<T>, what: string, ms = HANG_MS): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} within ${ms} ms`)), ms);
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
  }
}

function bytesOfLatin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
