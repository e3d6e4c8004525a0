// The least that a server here can do: read the header, take the body, answer the same bytes. Every
// figure of the node is a ratio to this one, measured in the same run.

// deno-lint-ignore-file no-console -- the port goes to the benchmark by standard output

const BODY = new Uint8Array(1024).fill(120);
const LIST = JSON.stringify(Array.from({ length: 10 }, (_, at) => `bench/list/${at}`));

Deno.serve(
  { port: 0, hostname: "127.0.0.1", onListen: ({ port }) => console.log(port) },
  async (request) => {
    const isKnown = (request.headers.get("authorization") ?? "").length > 10;
    const path = request.url.slice(request.url.lastIndexOf("/"));
    if (!isKnown) return new Response(null, { status: 401 });
    if (path === "/put") {
      await request.bytes();
      return new Response(null, { headers: { etag: '"x"' } });
    }
    if (path === "/list") {
      return new Response(LIST, { headers: { "content-type": "application/json" } });
    }
    return new Response(BODY, { headers: { "content-type": "application/octet-stream" } });
  },
);
