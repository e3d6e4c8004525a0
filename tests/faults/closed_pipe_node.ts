// A program for closed_pipe.test.ts: answers requests and logs each, as a node does. Its first line
// carries its port.

import { createLog } from "../../src/telemetry/log.ts";

const log = createLog({ level: "normal", format: "Json" });
const server = Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => log.error("node.started", { count: port }),
}, async () => {
  log.error("request", { route: "/invoke", status: 200 });
  await log.flush();
  return new Response("served");
});
await server.finished;
