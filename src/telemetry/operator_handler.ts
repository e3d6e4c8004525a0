// The operator's listener (wire §9): its own port, metrics and status, nothing else of the node
// behind it.

export interface OperatorViews {
  /** All metrics in the Prometheus text format. */
  readonly metrics: () => Promise<string>;
  /** What `tinycloud status` shows; goes out as JSON. */
  readonly status: () => Promise<unknown>;
}

const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** For `Deno.serve`: GET and HEAD `/metrics` and `/status`, else 404 or 405; 503 if one fails. */
export function operatorHandler(views: OperatorViews): (request: Request) => Promise<Response> {
  const pages: ReadonlyMap<string, [type: string, make: () => Promise<string>]> = new Map([
    ["/metrics", [METRICS_TYPE, views.metrics]],
    ["/status", ["application/json", async () => JSON.stringify(await views.status())]],
  ]);
  return async (request) => {
    const page = pages.get(new URL(request.url).pathname);
    if (page === undefined) return plain(404, "Not found");
    if (request.method !== "GET" && request.method !== "HEAD") {
      return plain(405, "Method not allowed", { allow: "GET, HEAD" });
    }

    const [type, make] = page;
    try {
      const body = request.method === "HEAD" ? null : await make();
      return new Response(body, { headers: { "content-type": type } });
    } catch {
      return plain(503, "Unavailable");
    }
  };
}

function plain(status: number, sentence: string, headers: HeadersInit = {}): Response {
  const answer = new Response(sentence, { status, headers });
  answer.headers.set("content-type", "text/plain; charset=utf-8");
  return answer;
}
