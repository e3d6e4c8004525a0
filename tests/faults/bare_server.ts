// A program for measurements: a server that does nothing with what it reads, and sends bytes it
// need not look for. Its one line carries its address.

const CHUNK = new Uint8Array(64 * 1024);

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen({ hostname, port }) {
    Deno.stdout.writeSync(new TextEncoder().encode(`http://${hostname}:${port}\n`));
  },
}, async (request) => {
  if (request.method === "GET") {
    const bytes = Number(new URL(request.url).pathname.slice(1));
    return new Response(pieces(bytes), { headers: { "content-length": String(bytes) } });
  }
  for await (const _ of request.body ?? []);
  return new Response(null);
});

function pieces(bytes: number): ReadableStream<Uint8Array> {
  let left = bytes;
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left === 0) return controller.close();
      const next = CHUNK.subarray(0, left);
      left -= next.length;
      controller.enqueue(next);
    },
  }, { highWaterMark: 0 });
}
