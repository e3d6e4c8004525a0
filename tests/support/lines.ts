// The lines of a stream as they come.

export interface Lines {
  /** The last ones that are complete, 1,000 at most. */
  readonly lines: readonly string[];
  readonly ended: Promise<void>;
  /** The first with `text` in it, kept or yet to come; undefined when there is none to the end. */
  find(text: string): Promise<string | undefined>;
}

interface Waiting {
  readonly text: string;
  readonly resolve: (line: string | undefined) => void;
}

const MAX_LINES = 1000;

/** Reads the stream to its end. */
export function readLines(stream: ReadableStream<Uint8Array>): Lines {
  const lines: string[] = [];
  const waiting = new Set<Waiting>();

  function take(line: string): void {
    lines.push(line);
    if (lines.length > MAX_LINES) lines.shift();
    for (const each of waiting) {
      if (line.includes(each.text) && waiting.delete(each)) each.resolve(line);
    }
  }

  async function read(): Promise<void> {
    let rest = "";
    for await (const chunk of stream.pipeThrough(decoder())) {
      const pieces = (rest + chunk).split("\n");
      rest = pieces.pop() ?? "";
      for (const line of pieces) take(line);
    }
    if (rest !== "") take(rest);
    for (const { resolve } of waiting) resolve(undefined);
    waiting.clear();
  }

  let isOver = false;
  const ended = read().finally(() => isOver = true);
  return {
    lines,
    ended,
    find(text) {
      const line = lines.find((line) => line.includes(text));
      if (line !== undefined || isOver) return Promise.resolve(line);
      const { promise, resolve } = Promise.withResolvers<string | undefined>();
      waiting.add({ text, resolve });
      return promise;
    },
  };
}

/** The library types the decoder's input as any buffer; a pipe gives plain bytes. */
function decoder(): ReadableWritablePair<string, Uint8Array> {
  return new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>;
}
