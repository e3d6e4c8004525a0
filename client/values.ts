/**
 * Stored values and the headers that travel with them (wire §6).
 */

/** How to store a value. */
export interface PutOptions {
  /** Left out: what `fetch` says of the body: `text/plain` for text, a blob's own, else none. */
  readonly contentType?: string;
  /** Free names and values: ASCII, stored as `x-tinycloud-meta-{name}`, at most 8 KiB in all. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Only if the key holds this: an ETag. Else `precondition_failed`. */
  readonly ifMatch?: string;
  /** `*`: only if the key holds nothing. */
  readonly ifNoneMatch?: string;
  /** Others: `content-encoding`, `content-language` and `content-disposition` are stored too. */
  readonly headers?: HeadersInit;
  readonly signal?: AbortSignal;
}

/** What is known of a stored value besides its bytes. */
export interface ValueInfo {
  /** `"blake3-…"`, with its quotes: what `ifMatch` takes. */
  readonly etag: string | undefined;
  readonly contentType: string | undefined;
  /** Bytes; undefined when the node does not tell. */
  readonly size: number | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly headers: Headers;
}

/** A value in memory. */
export interface Value extends ValueInfo {
  readonly bytes: Uint8Array;
  text(): string;
}

/** A value on its way. Read or cancel the body. */
export interface ValueStream extends ValueInfo {
  readonly body: ReadableStream<Uint8Array>;
}

const META = "x-tinycloud-meta-";

/** The request headers for these options. */
export function putHeaders(options: PutOptions): Headers {
  const headers = new Headers(options.headers);
  if (options.contentType !== undefined) headers.set("content-type", options.contentType);
  if (options.ifMatch !== undefined) headers.set("if-match", options.ifMatch);
  if (options.ifNoneMatch !== undefined) headers.set("if-none-match", options.ifNoneMatch);
  for (const [name, value] of Object.entries(options.metadata ?? {})) {
    headers.set(META + name, value);
  }
  return headers;
}

/** What the headers of an answer say of the value; its size from the header named. */
export function valueInfo(
  { headers }: Response,
  sizeHeader: "content-length" | "x-tinycloud-content-length",
): ValueInfo {
  const size = headers.get(sizeHeader);
  const named = [...headers].filter(([name]) => name.startsWith(META));
  return {
    etag: headers.get("etag") ?? undefined,
    contentType: headers.get("content-type") ?? undefined,
    size: size === null ? undefined : Number(size),
    metadata: Object.fromEntries(named.map(([name, value]) => [name.slice(META.length), value])),
    headers,
  };
}
