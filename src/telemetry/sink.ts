// Where lines go: batched, asynchronous and bounded, so that a reader who is slow, stuck or gone
// costs lines and never a request (adversary §6). A synchronous write would stop the whole node for
// as long as a pipe is full: measured, two seconds for a reader who slept two seconds.

/** Such as `Deno.stdout`. */
export interface Output {
  /** Resolves to how many bytes were taken. */
  write(bytes: Uint8Array): Promise<number>;
}

export interface LineSink {
  /** Takes a line without its newline; an urgent one does not wait for others. Never throws. */
  write(line: string, urgent: boolean): void;
  /** Resolves when everything is written, or after `flushMs`; never rejects. */
  flush(): Promise<void>;
}

export interface SinkOptions {
  /** The line that says how many were dropped. */
  readonly droppedLine: (count: number) => string;
  /** Characters held at most, waiting and in the write under way; default 1 Mi. */
  readonly maxChars?: number;
  /** How long `flush` waits at most, milliseconds; default 1,000. */
  readonly flushMs?: number;
}

const MAX_CHARS = 1024 * 1024;
const BATCH_CHARS = 16 * 1024;
const BATCH_MS = 20;
const RETRY_MS = 100;
const FLUSH_MS = 1000;

const encoder = new TextEncoder();

/**
 * A sink on `output`. Lines beyond the bound are dropped, counted, and told in one line as soon as
 * the output takes lines again. A closed pipe ends logging for good; any other failure (a full
 * disk) is tried again, from the byte where it stopped.
 */
export function createSink(output: Output, options: SinkOptions): LineSink {
  const { droppedLine, maxChars = MAX_CHARS, flushMs = FLUSH_MS } = options;
  let waiting: string[] = [];
  let held = 0;
  let dropped = 0;
  let closed = false;
  /** What waits is to be written without waiting for more. */
  let isUrgent = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let draining: Promise<void> | undefined;

  function hold(line: string): void {
    waiting.push(line);
    held += line.length + 1;
  }

  function start(): void {
    clearTimeout(timer);
    timer = undefined;
    if (draining === undefined && waiting.length > 0) draining = drain();
  }

  async function drain(): Promise<void> {
    do {
      if (dropped > 0) {
        hold(droppedLine(dropped));
        dropped = 0;
      }
      isUrgent = false;
      const batch = `${waiting.join("\n")}\n`;
      waiting = [];
      await writeAll(encoder.encode(batch));
      held -= batch.length;
    } while (!closed && (isUrgent || dropped > 0 || held >= BATCH_CHARS));
    // Here and not in the caller's `finally`: a line written between the two would be left behind.
    draining = undefined;
    // A write costs as much as ten lines: those that came meanwhile wait for others.
    if (waiting.length > 0) timer ??= setTimeout(start, BATCH_MS);
  }

  async function writeAll(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length && !closed;) {
      try {
        offset += await output.write(bytes.subarray(offset));
      } catch (error) {
        if (error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.BadResource) {
          closed = true;
          waiting = [];
        } else {
          await retryPause();
        }
      }
    }
  }

  return {
    write(line, urgent) {
      if (closed) return;
      if (held + line.length + 1 > maxChars) {
        dropped++;
        return;
      }
      hold(line);
      isUrgent ||= urgent;
      if (draining !== undefined) return;
      if (urgent || held >= BATCH_CHARS) start();
      else timer ??= setTimeout(start, BATCH_MS);
    },

    async flush() {
      isUrgent = waiting.length > 0;
      start();
      let deadline: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => deadline = setTimeout(resolve, flushMs));
      await Promise.race([draining, late]);
      clearTimeout(deadline);
    },
  };
}

/** Does not keep the process alive for an output that never recovers. */
function retryPause(): Promise<void> {
  return new Promise((resolve) => Deno.unrefTimer(setTimeout(resolve, RETRY_MS)));
}
