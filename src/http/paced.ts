// An answer that nobody takes (adversary.md, group 2): what the node holds for it is let go.

/**
 * Passes the body on; when not one chunk of it is taken within the time, ends it in an error and
 * closes what it is read from. The runtime keeps the connection itself until the client reads or
 * goes (decision 0004): then it is cut, never ended as if it were whole.
 */
export function paced(
  body: ReadableStream<Uint8Array>,
  idleTimeoutMs: number,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let timer: ReturnType<typeof setTimeout> | undefined;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      clearTimeout(timer);
      const { done, value } = await reader.read();
      if (done) return controller.close();
      controller.enqueue(value);
      timer = setTimeout(() => {
        const reason = new Error("the client takes no more of the answer");
        controller.error(reason);
        reader.cancel(reason).catch(() => {});
      }, idleTimeoutMs);
    },
    cancel(reason) {
      clearTimeout(timer);
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}
