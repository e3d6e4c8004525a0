// A request to another machine, tried again when that may help. All that the store asks for can be
// done twice: content is named by its hash, so a put whose answer was lost is simply put again.

import { pause } from "../pause.ts";
import { Headway, type Patience } from "./s3_headway.ts";
import { isTransient } from "./s3_error.ts";

/**
 * What the first try gives that succeeds; throws what the last one threw. Each try has a headway of
 * its own, which runs already. A try with a body says how many bytes it moves, and whether it tells
 * the headway of them as they do.
 */
export async function persistently<T>(
  patience: Patience,
  attempt: (headway: Headway) => Promise<T>,
  body: { readonly bytes: number; readonly isTold: boolean } = { bytes: 0, isTold: false },
): Promise<T> {
  const bodyMs = body.bytes / patience.bytesPerSecond * 1000;
  const end = performance.now() + patience.wholeMs + bodyMs;
  const mostMs = body.isTold ? patience.stallMs : patience.answerMs + bodyMs;
  for (let tries = 1;; tries++) {
    const left = end - performance.now();
    using headway = new Headway(Math.min(mostMs, left), patience);
    headway.wait();
    try {
      return await attempt(headway);
    } catch (error) {
      // By chance, so that those who failed together do not come back together.
      const pauseMs = Math.random() * patience.pauseMs * 2 ** (tries - 1);
      if (tries >= patience.attempts || !isTransient(error)) throw error;
      if (performance.now() + pauseMs >= end) throw error;
      await pause(pauseMs);
    }
  }
}
