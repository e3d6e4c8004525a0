// With OpenTelemetry: the id in header and log is that of the runtime's span, the caller's own where it
// sent one, and what is exported names routes and holds nothing of a token.

import assert from "node:assert/strict";
import { ask, signIn } from "../support/asking.ts";
import { eventually } from "../support/eventually.ts";
import { startProcess } from "../support/process.ts";

const ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";
const TRACEPARENT = { traceparent: `00-${ID}-${PARENT}-01` };

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly status: { readonly code?: number };
  readonly attributes: readonly { readonly key: string; readonly value: object }[];
}

/** Takes what is exported by OTLP, and keeps all of its text. */
class Collector implements AsyncDisposable {
  readonly texts: string[] = [];
  readonly spans: Span[] = [];
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      const text = await request.text();
      this.texts.push(text);
      if (new URL(request.url).pathname === "/v1/traces") {
        for (const { scopeSpans } of JSON.parse(text).resourceSpans) {
          for (const { spans } of scopeSpans) this.spans.push(...spans);
        }
      }
      return Response.json({});
    },
  );

  get env() {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_BSP_SCHEDULE_DELAY: "50",
    };
  }

  /** The span of this name, and what it is attributed with. */
  async span(name: string, traceId?: string) {
    const span = await eventually(`a span ${name}`, () => {
      return this.spans.find((each) =>
        each.name === name && (traceId === undefined || each.traceId === traceId)
      );
    });
    const attributes = Object.fromEntries(
      span.attributes.map(({ key, value }) => [key, Object.values(value)[0]]),
    );
    return { ...span, attributes };
  }

  async [Symbol.asyncDispose]() {
    await this.#server.shutdown();
  }
}

Deno.test("with OpenTelemetry header, log and span have the trace id that the caller sent", async () => {
  await using collector = new Collector();
  await using node = await startProcess({ env: collector.env });

  const answer = await ask(node, "/info", { method: "GET", headers: TRACEPARENT });
  const other = await ask(node, "/info", { method: "GET" });
  const span = await collector.span("GET /info");

  assert.equal(answer.headers.get("tinycloud-trace-id"), ID);
  assert.equal(JSON.parse(await node.line(ID)).trace, ID);
  assert.deepEqual([span.traceId, span.parentSpanId], [ID, PARENT]);
  assert.equal(span.attributes["http.route"], "/info");
  assert.equal(span.attributes["http.response.status_code"], "200");
  const id = other.headers.get("tinycloud-trace-id") ?? "";
  assert.notEqual(id, ID);
  assert.equal((await collector.span("GET /info", id)).traceId, id);
});

Deno.test("an invocation has a span for its judgement and one for what it did", async () => {
  await using collector = new Collector();
  await using node = await startProcess({ env: collector.env });
  const session = await signIn(node);
  await session.put("key", "value");

  const put = await collector.span("tinycloud.kv/put");
  const refused = await ask(node, "/invoke", { token: "nonsense", headers: TRACEPARENT });

  const request = await collector.span("POST /invoke", put.traceId);
  const authorize = await collector.span("authorize", put.traceId);
  assert.deepEqual([put.parentSpanId, authorize.parentSpanId], [request.spanId, request.spanId]);
  assert.equal(refused.status, 401);
  assert.equal((await collector.span("authorize", ID)).status.code, 2);
  assert.ok(!collector.spans.some(({ name, traceId }) => traceId === ID && name.includes("kv/")));
});

Deno.test("nothing of a token is exported, and no attribute twice", async () => {
  await using collector = new Collector();
  await using node = await startProcess({ env: collector.env });
  const session = await signIn(node);
  await session.put("canary-key", "canary-value");
  const { header } = await session.invocationToken({
    ability: "canary/ability",
    resource: `${session.space}/kv/canary-key`,
  });

  await ask(node, "/invoke", { token: header, headers: TRACEPARENT });
  await ask(node, "/x", { method: "GET" });
  await collector.span("POST /invoke", ID);
  const other = await collector.span("GET other");

  assert.equal(other.attributes["http.route"], "other");
  const all = collector.texts.join("\n");
  for (const secret of ["canary", header.slice(0, 40), session.space, "did:"]) {
    const at = all.indexOf(secret);
    assert.equal(at, -1, all.slice(Math.max(0, at - 200), at + 100));
  }
  for (const { attributes } of collector.spans) {
    assert.equal(new Set(attributes.map(({ key }) => key)).size, attributes.length);
  }
});

Deno.test("without OTEL_DENO the caller's trace id is honoured, and nothing is exported", async () => {
  await using collector = new Collector();
  await using node = await startProcess({ env: { ...collector.env, OTEL_DENO: "" } });

  const answer = await ask(node, "/info", { method: "GET", headers: TRACEPARENT });

  assert.equal(answer.headers.get("tinycloud-trace-id"), ID);
  node.kill("SIGTERM");
  await node.exited;
  assert.deepEqual(collector.texts, []);
});
