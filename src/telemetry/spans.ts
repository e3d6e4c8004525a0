// Spans of OpenTelemetry. The runtime makes one for each request, honours its `traceparent` and exports
// all of them by OTLP, if it is started with OTEL_DENO=true; otherwise nothing here costs anything.
//
// What is added here names routes and abilities and nothing that a caller chose (invariant 8). The
// runtime itself attributes its span with the URL as it was sent, and an attribute that is set anew
// is sent twice (Deno 2.9.6). No route reads a query, but what a client puts there is exported.

import { VERSION } from "../version.ts";
import { knownMethod, knownRoute } from "./labels.ts";

export interface Spans {
  /** Names the span of the request being handled by its route; its trace id. */
  name(method: string, path: string): string | undefined;
  /** Does the work in a span of its own, which is marked as failed when it throws. */
  within<T>(name: string, work: () => Promise<T>): Promise<T>;
}

export const noSpans: Spans = {
  name: () => undefined,
  within: (_name, work) => work(),
};

/** What is used of the runtime's spans; its types know them as `any`. */
interface Span {
  spanContext(): { readonly traceId: string };
  updateName(name: string): void;
  setAttribute(name: string, value: string): void;
  setStatus(status: { readonly code: number }): void;
  end(): void;
}

// The key under which every OpenTelemetry API, the runtime's too, keeps the span of a context.
const SPAN_KEY = Symbol.for("OpenTelemetry Context Key SPAN");
const STATUS_ERROR = 2;

/** The runtime's spans; without OTEL_DENO there are none to be found. */
export function runtimeSpans(): Spans {
  const { contextManager, tracerProvider } = Deno.telemetry;
  const tracer = tracerProvider.getTracer("tinycloud", VERSION);
  const current = (): Span | undefined => contextManager.active()?.getValue?.(SPAN_KEY);
  return {
    name(method, path) {
      const span = current();
      if (span === undefined) return undefined;
      const route = knownRoute(path);
      span.updateName(`${knownMethod(method)} ${route}`);
      span.setAttribute("http.route", route);
      return span.spanContext().traceId;
    },
    within(name, work) {
      if (current() === undefined) return work();
      return tracer.startActiveSpan(name, {}, contextManager.active(), async (span: Span) => {
        try {
          return await work();
        } catch (error) {
          span.setStatus({ code: STATUS_ERROR });
          throw error;
        } finally {
          span.end();
        }
      });
    },
  };
}

/** Whether the runtime makes spans, by the variable that decides on it before our code runs. */
export function hasSpans(otelDeno: string | undefined): boolean {
  return otelDeno === "true" || otelDeno === "1";
}

/** What to warn of at the start, if anything. */
export function tracingWarning(
  enabled: boolean,
  otelDeno: string | undefined,
): string | undefined {
  if (!enabled || hasSpans(otelDeno)) return undefined;
  return "log.tracing.enabled exports nothing unless the node is started with OTEL_DENO=true";
}
