// The trace id of a request is that of the runtime's span, when the runtime makes one.

import assert from "node:assert/strict";

const ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = "00f067aa0ba902b7";

Deno.test("with OpenTelemetry the id is that of the runtime's span", async () => {
  const module = new URL("../../src/telemetry/trace.ts", import.meta.url).href;
  const program = `
    import { spanTraceId } from "${module}";
    const server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response(spanTraceId() ?? "none"),
    );
    const answer = await fetch("http://127.0.0.1:" + server.addr.port, {
      headers: { traceparent: "00-${ID}-${PARENT}-01" },
    });
    console.log(await answer.text());
    Deno.exit(0);
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-config",
      "--no-lock",
      "--allow-net=127.0.0.1",
      `data:text/typescript,${encodeURIComponent(program)}`,
    ],
    env: { OTEL_DENO: "true", OTEL_TRACES_EXPORTER: "none", NO_COLOR: "1" },
    stderr: "inherit",
  });

  const { stdout } = await child.output();

  assert.equal(new TextDecoder().decode(stdout).trim(), ID);
});
