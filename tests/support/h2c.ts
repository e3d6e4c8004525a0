// HTTP/2 without TLS by hand, on prior knowledge (RFC 9113 §3.3), for clients that mean harm. Only
// what the tests send: frames, and header blocks of literals without Huffman codes (RFC 7541 §6).

import type { At } from "./asking.ts";
import { joined } from "./cbor_by_hand.ts";
import { withinTime } from "./raw_http.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

export const FRAME = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  continuation: 9,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;
const ACK = 1;
const CANCEL = Uint8Array.of(0, 0, 0, 8);

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Uint8Array;
}

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = new Uint8Array(),
): Uint8Array {
  const head = new DataView(new ArrayBuffer(9));
  head.setUint32(0, payload.length << 8);
  head.setUint8(3, type);
  head.setUint8(4, flags);
  head.setUint32(5, stream);
  return joined(new Uint8Array(head.buffer), payload);
}

/** A stream that is opened with a whole request, and given up at once. */
export function resetRequest(stream: number, block: Uint8Array): Uint8Array {
  return joined(
    frame(FRAME.headers, END_HEADERS | END_STREAM, stream, block),
    frame(FRAME.resetStream, 0, stream, CANCEL),
  );
}

/** The fields of a request without a body. */
export function requestOf(path: string, method = "GET"): Uint8Array {
  return joined(
    ...[[":method", method], [":scheme", "http"], [":authority", "node"], [":path", path]]
      .map(([name = "", value = ""]) => field(name, value)),
  );
}

/** A field as a literal; `indexed`: the receiver is to keep it as entry 62, the newest. */
export function field(name: string, value: string, indexed = false): Uint8Array {
  return joined(Uint8Array.of(indexed ? 0x40 : 0), text(name), text(value));
}

function text(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return joined(integer(bytes.length), bytes);
}

/** An integer behind a prefix of seven bits, the eighth being zero (RFC 7541 §5.1). */
function integer(value: number): Uint8Array {
  if (value < 127) return Uint8Array.of(value);
  const bytes = [127];
  let rest = value - 127;
  for (; rest >= 128; rest >>= 7) bytes.push((rest & 127) | 128);
  return Uint8Array.of(...bytes, rest);
}

/** A connection on which the preface and empty settings have been sent. */
export class H2Connection implements Disposable {
  readonly #conn: Deno.Conn;
  #received: Uint8Array = new Uint8Array();

  private constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  static async open({ url }: At): Promise<H2Connection> {
    const { hostname, port } = new URL(url);
    const connection = new H2Connection(await Deno.connect({ hostname, port: Number(port) }));
    await connection.write(new TextEncoder().encode(PREFACE));
    await connection.write(frame(FRAME.settings, 0, 0));
    return connection;
  }

  /** Whether all of it went out; false once the other side has closed. */
  async write(bytes: Uint8Array): Promise<boolean> {
    try {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await this.#conn.write(rest));
      return true;
    } catch (error) {
      if (isEnd(error)) return false;
      throw error;
    }
  }

  /** The next frame; undefined at the end of the connection. A hang is an error. */
  async frame(): Promise<Frame | undefined> {
    if (!await this.#fill(9)) return undefined;
    const head = new DataView(this.#received.buffer, this.#received.byteOffset);
    const length = head.getUint32(0) >>> 8;
    const [type, flags, stream] = [head.getUint8(3), head.getUint8(4), head.getUint32(5)];
    if (!await this.#fill(9 + length)) return undefined;
    const payload = this.#received.slice(9, 9 + length);
    this.#received = this.#received.subarray(9 + length);
    if (type === FRAME.settings && flags !== ACK) await this.write(frame(FRAME.settings, ACK, 0));
    return { type, flags, stream, payload };
  }

  /** The first frame like this, those before it dropped; undefined when there is none to the end. */
  async find(isIt: (frame: Frame) => boolean): Promise<Frame | undefined> {
    for (;;) {
      const next = await this.frame();
      if (next === undefined || isIt(next)) return next;
    }
  }

  [Symbol.dispose](): void {
    this.#conn.close();
  }

  async #fill(size: number): Promise<boolean> {
    while (this.#received.length < size) {
      const buffer = new Uint8Array(64 * 1024);
      const count = await withinTime(this.#conn.read(buffer), "no frame").catch((error) => {
        if (isEnd(error)) return null;
        throw error;
      });
      if (count === null) return false;
      this.#received = joined(this.#received, buffer.subarray(0, count));
    }
    return true;
  }
}

function isEnd(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe;
}
