// As much of S3 as the node uses, on a socket in this process, to fail on demand: what a real server
// never does when a test wants it to. It keeps objects in memory and checks no signature.

import { ended, readRequest, type StubRequest } from "./s3_stub_request.ts";

export interface StubObject {
  readonly bytes: Uint8Array;
  /** Milliseconds. */
  readonly modifiedAt: number;
}

export interface StubAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** A request that a test answers in its own way. The connection is closed after that. */
export interface Exchange {
  readonly request: StubRequest;
  /** Does what was asked; the answer, which is not sent. */
  perform(): StubAnswer;
  send(answer: StubAnswer): Promise<void>;
  write(bytes: Uint8Array): Promise<void>;
  /** The client has gone, or the stub is closed. */
  readonly gone: Promise<void>;
}

export type Fault = (exchange: Exchange) => Promise<void>;

export interface S3Stub extends AsyncDisposable {
  readonly url: string;
  /** By bucket, slash and name. */
  readonly objects: Map<string, StubObject>;
  readonly requests: readonly StubRequest[];
  /** How many clients are connected and waiting for an answer, or for more of one. */
  busy(): number;
  /** From now on every request fails so, but for those that the fault performs; undefined: none. */
  always(fault: Fault | undefined): void;
  /** Before each piece of an upload, of 64 KiB at most, is taken, this is waited for. */
  pace(wait: (closed: Promise<void>) => Promise<void>): void;
  /** The next requests fail so, one each. */
  next(...faults: readonly Fault[]): void;
}

export const BUCKET = "values";

export function startS3Stub(): S3Stub {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const objects = new Map<string, StubObject>();
  const requests: StubRequest[] = [];
  const connections = new Set<Deno.TcpConn>();
  let busy = 0;
  let wait: (closed: Promise<void>) => Promise<void> = () => Promise.resolve();
  const closed = Promise.withResolvers<void>();
  const faults: Fault[] = [];
  let standing: Fault | undefined;

  async function serve(connection: Deno.TcpConn): Promise<void> {
    connections.add(connection);
    try {
      const reader = { connection, rest: new Uint8Array(), pace: () => wait(closed.promise) };
      for (let request; (request = await readRequest(reader)) !== undefined;) {
        requests.push(request);
        busy++;
        using _ = { [Symbol.dispose]: () => void busy-- };
        const { perform, send, write } = exchangeOf(connection, request, objects);
        const fault = faults.shift() ?? standing;
        if (fault === undefined) await send(perform());
        else {
          const gone = ended(connection);
          await fault({ request, perform, send, write, gone });
          return;
        }
      }
    } catch {
      // The client broke off, as some faults make it.
    } finally {
      connections.delete(connection);
      close(connection);
    }
  }

  const serving = (async () => {
    const all: Promise<void>[] = [];
    for await (const connection of listener) all.push(serve(connection));
    await Promise.all(all);
  })();
  return {
    url: `http://127.0.0.1:${port}`,
    objects,
    requests,
    busy: () => busy,
    always: (fault) => void (standing = fault),
    pace: (slower) => void (wait = slower),
    next: (...more) => void faults.push(...more),
    async [Symbol.asyncDispose]() {
      listener.close();
      for (const connection of connections) close(connection);
      closed.resolve();
      await serving;
    },
  };
}

/** An error as S3 tells it. */
export function refusal(status: number, code: string): Fault {
  return async ({ send }) => {
    const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;
    await send({ status, body: new TextEncoder().encode(body) });
  };
}

/** Says nothing until the client goes. */
export const silence: Fault = ({ gone }) => gone;

/** Closes the connection instead of answering; what was asked has been done. */
export const lostAnswer: Fault = (exchange) => {
  exchange.perform();
  return Promise.resolve();
};

/** The head of an answer, as bytes. */
export function headOf({ status, headers = {}, body }: StubAnswer): Uint8Array {
  const lines = [
    `HTTP/1.1 ${status} Stub`,
    `Date: ${new Date().toUTCString()}`,
    ...Object.entries({ "Content-Length": String(body?.length ?? 0), ...headers })
      .map(([name, value]) => `${name}: ${value}`),
  ];
  return new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}

function exchangeOf(
  connection: Deno.TcpConn,
  request: StubRequest,
  objects: Map<string, StubObject>,
): Pick<Exchange, "perform" | "send" | "write"> {
  async function write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      rest = rest.subarray(await connection.write(rest));
    }
  }
  return {
    perform: () => perform(request, objects),
    write,
    async send(answer) {
      await write(headOf(answer));
      if (request.method !== "HEAD" && answer.body !== undefined) await write(answer.body);
    },
  };
}

function perform(request: StubRequest, objects: Map<string, StubObject>): StubAnswer {
  const { method, name, query, body } = request;
  if (query.get("list-type") === "2") return list(request, objects);
  switch (method) {
    case "PUT":
      objects.set(name, { bytes: body, modifiedAt: Date.now() });
      return { status: 200 };
    case "DELETE":
      objects.delete(name);
      return { status: 204 };
    case "GET":
      return get(request, objects.get(name));
    default:
      return { status: 405 };
  }
}

function get({ headers }: StubRequest, object: StubObject | undefined): StubAnswer {
  if (object === undefined) {
    const body = "<Error><Code>NoSuchKey</Code><Message>no</Message></Error>";
    return { status: 404, body: new TextEncoder().encode(body) };
  }
  const { bytes } = object;
  const from = /^bytes=(\d+)-$/.exec(headers.get("range") ?? "")?.[1];
  if (from === undefined) return { status: 200, body: bytes };
  const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
  return {
    status: 206,
    headers: { "Content-Range": range },
    body: bytes.subarray(Number(from)),
  };
}

function list({ name, query }: StubRequest, objects: Map<string, StubObject>): StubAnswer {
  const bucket = name.split("/")[0];
  const [prefix, after] = [query.get("prefix") ?? "", query.get("start-after") ?? ""];
  const found = [...objects].map(([name, object]) =>
    [name.slice(name.indexOf("/") + 1), object] as const
  ).filter(([key]) => key.startsWith(prefix) && key > after).toSorted(([a], [b]) => a < b ? -1 : 1);
  const page = found.slice(0, Number(query.get("max-keys")));
  const contents = page.map(([key, { bytes, modifiedAt }]) =>
    `<Contents><Key>${encodeURIComponent(key)}</Key><Size>${bytes.length}</Size>` +
    `<LastModified>${new Date(modifiedAt).toISOString()}</LastModified></Contents>`
  );
  const body = `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>${bucket}</Name>` +
    `<EncodingType>url</EncodingType><IsTruncated>${page.length < found.length}</IsTruncated>` +
    `${contents.join("")}</ListBucketResult>`;
  return { status: 200, body: new TextEncoder().encode(body) };
}
