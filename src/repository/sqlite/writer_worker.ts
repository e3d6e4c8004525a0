// The writer in a Worker with a connection of its own, so that no fsync and no checkpoint stops the
// loop that answers requests (decision 0001). Both sides are here: the Worker loads this very
// module, or the bundle that it is part of, and is told from its parent by its name.

import { NodeError } from "../../errors.ts";
import { type Answer, type Batch, Committer } from "./committer.ts";
import { connect } from "./connection.ts";
import { translate } from "./errors.ts";
import { failureOf } from "./failure.ts";
import type { Writer } from "./writer.ts";

const NAME = "tinycloud-writer";

/** What the Worker says once it listens: what is sent to it earlier may be lost. */
const READY = "ready";

type Request =
  | { readonly kind: "open"; readonly path: string }
  | { readonly kind: "commit"; readonly batch: Batch }
  | { readonly kind: "close" };

/** A Worker that died before it answered anything is not followed by another for so long. */
const RESTART_AFTER_MS = 1_000;

/**
 * Starts the Worker at once. When it dies, the batch that waits fails with `storage_unavailable`
 * (whether it was committed is then unknown, as when the process dies), and the next one starts
 * another Worker.
 */
export class WriterWorker implements Writer {
  readonly #path: string;
  #worker: Worker | undefined;
  #isReady = false;
  #hasAnswered = false;
  #startedAt = 0;
  #waiting: { readonly request: Request; answer(answer: Answer): void } | undefined;
  /** The answer after which no other comes. */
  #last: Answer | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#worker = this.#start();
  }

  commit(batch: Batch): Promise<Answer> {
    if (this.#last !== undefined) return Promise.resolve(this.#last);
    return this.#ask({ kind: "commit", batch });
  }

  async close(): Promise<void> {
    if (this.#worker === undefined) return;
    await this.#ask({ kind: "close" });
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  async #ask(request: Request): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    try {
      this.#worker ??= this.#restart();
      this.#waiting = { request, answer: resolve };
      if (this.#isReady) this.#worker.postMessage(request);
    } catch (error) {
      this.#waiting = undefined;
      return failed(error instanceof NodeError ? error : unavailable(error));
    }
    return await promise;
  }

  #restart(): Worker {
    const isEarly = performance.now() - this.#startedAt < RESTART_AFTER_MS;
    if (isEarly && !this.#hasAnswered) throw unavailable("the writer died at its start");
    return this.#start();
  }

  #start(): Worker {
    const worker = new Worker(import.meta.url, { type: "module", name: NAME });
    this.#startedAt = performance.now();
    this.#isReady = false;
    this.#hasAnswered = false;
    worker.onmessage = ({ data }: MessageEvent<Answer | typeof READY>) => {
      if (this.#worker !== worker) return;
      if (data === READY) return this.#isListening(worker);
      this.#hasAnswered = true;
      if (data.kind === "failed" && data.isFinal) this.#last = data;
      this.#answer(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#buried(worker, event.message);
    };
    worker.onmessageerror = () => this.#buried(worker, "the writer's answer cannot be read");
    return worker;
  }

  #isListening(worker: Worker): void {
    this.#isReady = true;
    worker.postMessage({ kind: "open", path: this.#path } satisfies Request);
    if (this.#waiting !== undefined) worker.postMessage(this.#waiting.request);
  }

  #buried(worker: Worker, cause: string): void {
    worker.terminate();
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#answer(failed(unavailable(cause)));
  }

  #answer(answer: Answer): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.answer(answer);
  }
}

function failed(error: NodeError): Answer {
  return { kind: "failed", failure: failureOf(error), isFinal: false };
}

function unavailable(cause: unknown): NodeError {
  const error = cause instanceof Error ? cause : new Error(String(cause));
  return new NodeError("storage_unavailable", undefined, { cause: error });
}

/** The Worker's side. A database that cannot be opened is tried again with every batch. */
function serve(): void {
  // A Worker's own scope has the shape of a Worker; Deno's default types know only the window.
  const parent = self as unknown as Worker;
  let path = "";
  let committer: Committer | undefined;
  const opened = () => committer ??= new Committer(connect(path));
  const answer = (request: Request): Answer | undefined => {
    try {
      switch (request.kind) {
        case "open":
          path = request.path;
          opened();
          return undefined;
        case "commit":
          return opened().commit(request.batch);
        case "close":
          committer?.close();
          return { kind: "committed", outcomes: [], areGuardsStored: true, seconds: 0 };
      }
    } catch (error) {
      return request.kind === "open" ? undefined : failed(translate(error));
    }
  };
  parent.onmessage = ({ data }: MessageEvent<Request>) => {
    const answered = answer(data);
    if (answered !== undefined) parent.postMessage(answered);
  };
  parent.postMessage(READY);
}

if (self.name === NAME) serve();
