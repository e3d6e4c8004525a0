/**
 * The one error of this library: a refusal by the node, or no usable answer (wire §10).
 */

/** Enough for any sentence of the contract; more is cut off. */
const MAX_SENTENCE_BYTES = 8 * 1024;

/** What went wrong, for people (`message`) and for programs (`code`). */
export class TinyCloudError extends Error {
  override readonly name = "TinyCloudError";

  constructor(
    /** The HTTP status; 0 when there was no answer. */
    readonly status: number,
    /**
     * The node's `x-tinycloud-error`, or `unknown` if it names none; from this library itself
     * `unreachable`, `timeout`, `protocol_mismatch`, `bad_answer` and `bad_link`.
     */
    readonly code: string,
    message: string,
    /** The node's trace id, for its operator. */
    readonly traceId?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Whether the node does not host the space; older nodes say so in words only. */
  get isSpaceNotFound(): boolean {
    return this.code === "space_not_found" ||
      (this.status === 404 && /space not found/i.test(this.message));
  }

  /** The refusal that a non-2xx answer is. */
  static async of(response: Response): Promise<TinyCloudError> {
    const sentence = (await textWithin(response, MAX_SENTENCE_BYTES)).trim();
    return new TinyCloudError(
      response.status,
      response.headers.get("x-tinycloud-error") ?? "unknown",
      sentence || `HTTP ${response.status}`,
      response.headers.get("tinycloud-trace-id") ?? undefined,
    );
  }
}

/** A body as text, cut off after `maxBytes`: a stranger's node may send without end. */
export async function textWithin(response: Response, maxBytes: number): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let left = maxBytes; reader !== undefined;) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value.subarray(0, left), { stream: true });
    left -= value.length;
    if (left < 0) {
      await reader.cancel();
      break;
    }
  }
  return text;
}
