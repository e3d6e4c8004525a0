// Request bodies: bounded in time (`http.body_idle_timeout`), since the platform bounds nothing.

import { NodeError } from "../errors.ts";
import { MAX_REVOKE_BODY } from "../limits.ts";
import { unshared } from "../tokens/json.ts";

/** Slower than this many bytes in one time-out, and the sender is given up. */
const MIN_PROGRESS = 1024;

/** Bodies up to this declared length are read in one piece, which costs a third of a stream. */
const SMALL = 16 * 1024;

/** The body as bytes when it is small and says so, else as a stream. Both end with `body_timeout`. */
export function readBody(
  request: Request,
  length: number | undefined,
  idleTimeoutMs: number,
): Promise<Uint8Array | ReadableStream<Uint8Array>> {
  if (length === 0 || request.body === null) return Promise.resolve(new Uint8Array());
  return length !== undefined && length <= SMALL
    ? readSmall(request, idleTimeoutMs)
    : Promise.resolve(timed(request.body, idleTimeoutMs));
}

async function readSmall(request: Request, idleTimeoutMs: number): Promise<Uint8Array> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new NodeError("body_timeout")), idleTimeoutMs);
  try {
    return await Promise.race([request.bytes().catch(cutOff), promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** A body that ends early or is framed wrongly is the sender's fault, and not ours to log. */
function cutOff(cause: unknown): never {
  throw new NodeError("request_malformed", "Malformed request: the body was cut off", { cause });
}

/** The same bytes, with back-pressure. Every `idleTimeoutMs` it looks whether enough has come. */
function timed(body: ReadableStream<Uint8Array>, idleTimeoutMs: number) {
  const reader = body.getReader();
  let progress = 0;
  let isWaiting = false;
  let timer: ReturnType<typeof setInterval>;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      timer = setInterval(() => {
        // Only the sender's time counts: while nobody reads, it may be us who are slow.
        if (isWaiting && progress < MIN_PROGRESS) {
          clearInterval(timer);
          controller.error(new NodeError("body_timeout"));
          reader.cancel().catch(() => {});
        }
        progress = 0;
      }, idleTimeoutMs);
    },
    async pull(controller) {
      isWaiting = true;
      try {
        const { done, value } = await reader.read();
        isWaiting = false;
        if (done) {
          clearInterval(timer);
          controller.close();
        } else {
          progress += value.length;
          controller.enqueue(value);
        }
      } catch (cause) {
        clearInterval(timer);
        cutOff(cause);
      }
    },
    cancel(reason) {
      clearInterval(timer);
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}

/** The member `cid` of a JSON object sent as body, whatever its type; any other body counts as none. */
export async function bodyCid(
  request: Request,
  length: number | undefined,
  idleTimeoutMs: number,
): Promise<unknown> {
  if (length === 0 || request.body === null) return undefined;
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of timed(request.body, idleTimeoutMs)) {
    size += chunk.length;
    if (size > MAX_REVOKE_BODY) return undefined;
    chunks.push(chunk);
  }
  try {
    const text = await new Blob(chunks as Uint8Array<ArrayBuffer>[]).text();
    const value: unknown = JSON.parse(unshared(text));
    if (typeof value !== "object" || value === null) return undefined;
    return Object.hasOwn(value, "cid") ? Reflect.get(value, "cid") : undefined;
  } catch {
    return undefined;
  }
}
