// The least that a server here can do: read the header, take the body, answer bytes of the same
// length. Every figure of the node is a ratio to this one, measured in the same run.
//
//     /get /put /list/{keys} /delegate     as the node's requests, from memory
//     /up/{name} /down/{name}              hashes and writes, or reads, a file in BARE_FOLDER

// deno-lint-ignore-file no-console -- the port goes to the benchmark by standard output

import { createBLAKE3 } from "hash-wasm";

const BODY = new Uint8Array(1024).fill(120);
const lists = new Map<string, string>();

function listOf(keys: string): string {
  const known = lists.get(keys) ??
    JSON.stringify(Array.from({ length: Number(keys) }, (_, at) => keyOf(at)));
  lists.set(keys, known);
  return known;
}

function keyOf(at: number): string {
  return `list/${String(at).padStart(8, "0")}`;
}

async function up(request: Request, path: string): Promise<Response> {
  const hasher = (await createBLAKE3()).init();
  using file = await Deno.open(fileOf(path), { write: true, create: true, truncate: true });
  for await (const chunk of request.body ?? []) {
    hasher.update(chunk);
    for (let rest = chunk; rest.length > 0;) rest = rest.subarray(await file.write(rest));
  }
  await file.syncData();
  return new Response(hasher.digest("hex"));
}

async function down(path: string): Promise<Response> {
  const file = await Deno.open(fileOf(path));
  const { size } = await file.stat();
  return new Response(file.readable, { headers: { "content-length": String(size) } });
}

function fileOf(path: string): string {
  return `${Deno.env.get("BARE_FOLDER")}/${path.slice(path.lastIndexOf("/") + 1)}`;
}

Deno.serve(
  { port: 0, hostname: "127.0.0.1", onListen: ({ port }) => console.log(port) },
  async (request) => {
    const isKnown = (request.headers.get("authorization") ?? "").length > 10;
    const path = request.url.slice(request.url.indexOf("/", "http://".length));
    if (!isKnown) return new Response(null, { status: 401 });
    if (path.startsWith("/list/")) {
      const headers = { "content-type": "application/json" };
      return new Response(listOf(path.slice("/list/".length)), { headers });
    }
    if (path.startsWith("/up/")) return await up(request, path);
    if (path.startsWith("/down/")) return await down(path);
    switch (path) {
      case "/put":
        await request.bytes();
        return new Response(null, { headers: { etag: '"x"' } });
      case "/delegate":
        return Response.json({ cid: "b".repeat(59), activated: [], skipped: [] });
      default:
        return new Response(BODY, { headers: { "content-type": "application/octet-stream" } });
    }
  },
);
