// Requests as the stub of S3 reads them off a connection.

export interface StubRequest {
  readonly method: string;
  /** Bucket, slash and the object's name. */
  readonly name: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

export interface RequestReader {
  readonly connection: Deno.TcpConn;
  /** What was read beyond the last request. */
  rest: Uint8Array;
  /** Waited for before each piece of a body is taken. */
  readonly pace: () => Promise<void>;
}

const CHUNK_BYTES = 64 * 1024;
const HEAD_END = "\r\n\r\n";

/** The next request; undefined when the client has gone between two. */
export async function readRequest(reader: RequestReader): Promise<StubRequest | undefined> {
  let text: string;
  while (!(text = new TextDecoder("latin1").decode(reader.rest)).includes(HEAD_END)) {
    if (!await readMore(reader)) return undefined;
  }
  const head = text.slice(0, text.indexOf(HEAD_END));
  const [requestLine = "", ...lines] = head.split("\r\n");
  const [method = "", target = ""] = requestLine.split(" ");
  const headers = new Headers(lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as [string, string];
  }));
  reader.rest = reader.rest.subarray(head.length + HEAD_END.length);
  const body = await readBody(reader, Number(headers.get("content-length") ?? 0));
  const url = new URL(target, "http://stub");
  const name = decodeURIComponent(url.pathname.slice(1));
  return { method, name, query: url.searchParams, headers, body };
}

/** Resolves when the client has closed its side, or the connection is closed here. */
export async function ended(connection: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(CHUNK_BYTES);
  try {
    while (await connection.read(buffer) !== null);
  } catch {
    // Broken off is gone, too.
  }
}

async function readBody(reader: RequestReader, size: number): Promise<Uint8Array> {
  const body = new Uint8Array(size);
  for (let at = 0; at < size;) {
    await reader.pace();
    if (reader.rest.length === 0 && !await readMore(reader)) throw new Error("A body broke off");
    const piece = reader.rest.subarray(0, size - at);
    body.set(piece, at);
    at += piece.length;
    reader.rest = reader.rest.subarray(piece.length);
  }
  return body;
}

async function readMore(reader: RequestReader): Promise<boolean> {
  const buffer = new Uint8Array(CHUNK_BYTES);
  const count = await reader.connection.read(buffer);
  if (count === null) return false;
  const joined = new Uint8Array(reader.rest.length + count);
  joined.set(reader.rest);
  joined.set(buffer.subarray(0, count), reader.rest.length);
  reader.rest = joined;
  return true;
}
