// From a request to an answer: route, refusal, CORS, trace id, log line. Every answer that the node
// itself makes passes through here.

import { fairTurn } from "../pause.ts";
import { type ErrorCode, NodeError } from "../errors.ts";
import { traceId } from "../telemetry/trace.ts";
import { allowCrossOrigin } from "./cors.ts";
import { type Gate, Limited } from "./gate.ts";
import type { Notes, RouteContext, Services } from "./route.ts";
import { match, MethodNotAllowed, pathOf } from "./router.ts";
import { LIVE_PATH } from "./routes/livez.ts";
import type { Connection } from "./serving.ts";
import { RETRY_AFTER, STATUS } from "./status.ts";
import { createTally } from "./tally.ts";

/** Requests that a refused token counts for beside its own, in `limits.client_rate`. */
const REFUSED_COST = 19;
/** The same for one that nobody signed: an honest client has none. */
const FORGED_COST = 39;
const FORGED: ReadonlySet<ErrorCode> = new Set([
  "token_malformed",
  "token_signature",
  "revoke_signature",
]);
/** A wallet's signature costs ten times an invocation's, so whatever is refused there is dear. */
const WALLETS: ReadonlySet<string> = new Set(["/delegate", "/revoke"]);
const LONGEST_HOLD_MS = 1000;
/** Answers that are held back at once; each is an open request. */
const MAX_HELD = 1000;

export interface HandlerOptions {
  readonly cors: boolean;
  /** Name of the response header that carries the trace id. */
  readonly traceHeader: string;
  /** True once the node drains: what still arrives on open connections is sent away. */
  readonly isStopping: () => boolean;
  /** Who asks, if that is limited (clients.ts), and the gate for it. */
  readonly clientOf: (peer: string, headers: Headers) => string | undefined;
  readonly clientGate: Gate;
}

export function createHandler(
  services: Services,
  { cors, traceHeader, isStopping, clientOf, clientGate }: HandlerOptions,
): (request: Request, connection: Connection) => Promise<Response> {
  const { log, metrics, clock, spans } = services;
  const limited = createTally(services);
  const hold = holding(MAX_HELD);

  return async (request, connection) => {
    const begun = clock.monotonicMs();
    const path = pathOf(request.url);
    // Where the runtime makes a span for each request, it goes by the span's trace id.
    const trace = spans.name(request.method, path) ?? traceId(request.headers.get("traceparent"));
    const notes: Notes = {};
    metrics.inFlight(true);
    let answer: Response;
    let client: string | undefined;
    try {
      if (isStopping() && path !== LIVE_PATH) throw new NodeError("shutting_down");
      client = clientOf(connection.peer, request.headers);
      if (client !== undefined) clientGate.enter(client, connection.sent);
      answer = await answerTo(request, path, { services, notes, trace, sent: connection.sent });
    } catch (error) {
      answer = refusal(error, trace);
      if (error instanceof Limited) {
        metrics.limited(notes.space === undefined ? "client" : "space");
        limited({ ...(client === undefined ? {} : { client }), ...notes });
        await hold(Math.min(error.waitMs, LONGEST_HOLD_MS));
      }
      // Guessing is dear: who sends bad tokens is soon told to wait without a look at them.
      if (client !== undefined) clientGate.charge(client, costOf(error, path));
    }
    const ms = clock.monotonicMs() - begun;
    metrics.inFlight(false);
    metrics.answered(path, answer.status, ms / 1000);
    if (cors) allowCrossOrigin(request, answer.headers);
    answer.headers.set(traceHeader, trace);
    const write = answer.status === 429 ? log.debug : log.info;
    write("request", {
      method: request.method,
      route: path,
      status: answer.status,
      ms,
      ...bytesOf(answer, notes),
      trace,
      ...(notes.space === undefined ? {} : { space: notes.space }),
    });
    return answer;
  };

  async function answerTo(
    request: Request,
    path: string,
    context: Omit<RouteContext, "rest">,
  ): Promise<Response> {
    if (request.method === "OPTIONS") return new Response(null, { status: 204 });
    const { route, rest } = match(request.method, path);
    const fair = fairTurn();
    if (fair !== undefined) await fair;
    const answer = await route(request, { ...context, rest });
    if (request.method !== "HEAD") return answer;
    // The length is that of GET (RFC 9110 §8.6), which only the body knows; it is small here.
    answer.headers.set("content-length", String((await answer.bytes()).length));
    return new Response(null, { status: answer.status, headers: answer.headers });
  }

  function refusal(thrown: unknown, trace: string): Response {
    const error = thrown instanceof NodeError
      ? thrown
      : new NodeError("internal", undefined, { cause: thrown });
    const status = STATUS[error.code];
    metrics.failed(error.code);
    if (status >= 500) log.error("request.failed", { code: error.code, trace, cause: error });
    else log.debug("request.refused", { code: error.code, trace, detail: () => detailOf(error) });
    const headers = new Headers({
      "content-type": "text/plain; charset=utf-8",
      "x-tinycloud-error": error.code,
    });
    const retryAfter = RETRY_AFTER[error.code];
    if (retryAfter !== undefined) headers.set("retry-after", retryAfter);
    if (error instanceof MethodNotAllowed) headers.set("allow", error.allow);
    return new Response(error.message, { status, headers });
  }
}

/** What a refusal counts for beside the request itself. */
function costOf(error: unknown, path: string): number {
  if (!(error instanceof NodeError) || error instanceof Limited) return 0;
  if (FORGED.has(error.code)) return FORGED_COST;
  const status = STATUS[error.code];
  const isDear = status === 401 || (WALLETS.has(path) && status < 500);
  return isDear ? REFUSED_COST : 0;
}

/**
 * Waits, so that a client that does not slow down by itself is slowed down; at once when so many
 * wait already.
 */
function holding(max: number): (ms: number) => Promise<void> {
  let held = 0;
  return async (ms) => {
    if (held >= max) return;
    held++;
    // Up to twice as long: those who were refused together do not come back together.
    await new Promise((resolve) => setTimeout(resolve, ms * (1 + Math.random())));
    held--;
  };
}

/** What was sent, and every path that was tried before. */
function detailOf(error: NodeError): string[] {
  return [error.message, ...error.reasons?.() ?? []];
}

/** Bytes of the value that went in or out. */
function bytesOf({ headers }: Response, { bytesIn }: Notes): { bytes?: number } {
  if (bytesIn !== undefined) return { bytes: bytesIn };
  const length = headers.get("content-length");
  return length === null ? {} : { bytes: Number(length) };
}
