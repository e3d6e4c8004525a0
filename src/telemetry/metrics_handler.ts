// The metrics listener (wire §9): its own port, one path, nothing else of the node behind it.

import type { ExportedMetrics } from "./prometheus.ts";

const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** For `Deno.serve`: GET and HEAD `/metrics`, else 404 or 405; 503 if they can't be read. */
export function metricsHandler(
  metrics: Pick<ExportedMetrics, "text">,
): (request: Request) => Promise<Response> {
  return async (request) => {
    if (new URL(request.url).pathname !== "/metrics") return plain(404, "Not found");
    if (request.method !== "GET" && request.method !== "HEAD") {
      return plain(405, "Method not allowed", { allow: "GET, HEAD" });
    }

    try {
      const body = request.method === "HEAD" ? null : await metrics.text();
      return new Response(body, { headers: { "content-type": CONTENT_TYPE } });
    } catch {
      return plain(503, "Metrics unavailable");
    }
  };
}

function plain(status: number, sentence: string, headers: HeadersInit = {}): Response {
  const answer = new Response(sentence, { status, headers });
  answer.headers.set("content-type", "text/plain; charset=utf-8");
  return answer;
}
