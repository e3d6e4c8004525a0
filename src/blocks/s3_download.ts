// A block on its way from S3, read as it is asked for. A connection that breaks or stalls in the
// middle is no end: the rest is asked for, from where it broke, and the reader notices nothing. What
// the bytes are worth is for others to say (src/blocks/verified.ts).

import type { Readable } from "node:stream";
import { pause } from "../pause.ts";
import { Headway, type Patience } from "./s3_headway.ts";
import { s3Error } from "./s3_error.ts";

export interface Download {
  readonly size: number;
  /** What the first answer brings. */
  readonly body: Readable;
  /** Asks for the bytes from `at` to the end; throws when they can't be had. */
  readonly resume: (at: number) => Promise<Readable>;
}

/** Exactly `size` bytes, or NodeError `storage_unavailable`. The connection is released at every end. */
export function downloaded(
  { size, body, resume }: Download,
  patience: Patience,
): ReadableStream<Uint8Array> {
  let part = openPart(body, patience);
  let at = 0;
  let breaks = 0;
  let isCancelled = false;

  async function next(): Promise<Uint8Array> {
    while (true) {
      try {
        return await part.next(size - at);
      } catch (error) {
        part.close();
        if (isCancelled || ++breaks >= patience.attempts) throw error;
        await pause(Math.random() * patience.pauseMs * 2 ** (breaks - 1));
        part = openPart(await resume(at), patience);
      }
    }
  }

  return new ReadableStream({
    start(controller) {
      if (size > 0) return;
      part.end();
      controller.close();
    },
    async pull(controller) {
      try {
        const chunk = await next();
        if (isCancelled) return part.close();
        at += chunk.length;
        controller.enqueue(chunk);
        if (at < size) return;
        part.end();
        controller.close();
      } catch (error) {
        if (!isCancelled) throw s3Error(error, "read");
      }
    },
    cancel() {
      isCancelled = true;
      part.close();
    },
  }, { highWaterMark: 0 });
}

interface Part {
  /** A chunk of at most `most` bytes; throws when there is none, or none in time. */
  next(most: number): Promise<Uint8Array>;
  /** All of it has been read: the connection may serve again. */
  end(): void;
  /** Breaks it off. */
  close(): void;
}

function openPart(body: Readable, patience: Patience): Part {
  // One that breaks while nobody reads breaks for the next who does.
  body.on("error", () => {});
  const chunks: AsyncIterator<Uint8Array, void, undefined> = body[Symbol.asyncIterator]();
  const headway = new Headway(patience.stallMs, patience);
  return {
    async next(most) {
      headway.wait();
      try {
        while (true) {
          const { done, value } = await headway.until(chunks.next());
          if (done === true) throw new Error("A block broke off");
          if (value.length > most) throw new Error("A block is longer than its length");
          headway.moved(value.length);
          if (value.length > 0) return value;
        }
      } finally {
        // While the reader takes its time the store does not stall.
        headway.rest();
      }
    },
    end() {
      headway[Symbol.dispose]();
      chunks.next().catch(() => {});
    },
    close() {
      headway[Symbol.dispose]();
      body.destroy();
    },
  };
}
